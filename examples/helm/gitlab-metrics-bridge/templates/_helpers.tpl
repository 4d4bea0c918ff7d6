{{- define "bridge.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* A pod of a StatefulSet adds -0, and a hash of its revision as a label: 52 letters are left. */}}
{{- define "bridge.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else if contains (include "bridge.name" .) .Release.Name }}
{{- .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "bridge.name" .) | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "bridge.selector" -}}
app.kubernetes.io/name: {{ include "bridge.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* The pod of helm test has labels of its own, so that no Service takes it for a bridge. */}}
{{- define "bridge.testSelector" -}}
app.kubernetes.io/name: {{ include "bridge.name" . }}-test
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "bridge.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "bridge.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.labels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "bridge.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "bridge.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "bridge.image" -}}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{/* What the chart lays for the bridge, below what the user says. */}}
{{- define "bridge.config" -}}
{{- $prometheus := dict "host" "0.0.0.0" "port" 9464 }}
{{- if .Values.webConfig.existingSecret }}
{{- $_ := set $prometheus "web_config_file" "/etc/gitlab-metrics-bridge/web/web.yaml" }}
{{- if .Values.webConfig.passwords }}
{{- $_ := set $prometheus "open_health" true }}
{{- end }}
{{- end }}
{{- $ours := dict "prometheus" $prometheus "state" (dict "path" "/var/lib/gitlab-metrics-bridge/state") }}
{{- if .Values.token.existingSecret }}
{{- $_ := set $ours "gitlab" (dict "token_file" "/etc/gitlab-metrics-bridge/token/token") }}
{{- end }}
{{- $config := mergeOverwrite $ours (deepCopy .Values.config) }}
{{- if .Values.demo }}
{{- /* demo asks a model of its own, keeps nothing, and refuses what says otherwise. */}}
{{- $config = omit $config "gitlab" "instances" "state" }}
{{- end }}
{{- toYaml $config }}
{{- end }}

{{- define "bridge.port" -}}
{{- (include "bridge.config" . | fromYaml).prometheus.port }}
{{- end }}

{{- define "bridge.scheme" -}}
{{- if and .Values.webConfig.existingSecret .Values.webConfig.tls }}https{{ else }}http{{ end }}
{{- end }}

{{/* How a probe asks: what a web configuration demands can't be shown by the kubelet. */}}
{{- define "bridge.probe" -}}
{{- $web := .root.Values.webConfig }}
{{- if and $web.existingSecret $web.clientCertificates -}}
tcpSocket:
  port: metrics
{{- else -}}
httpGet:
  path: {{ if and $web.existingSecret $web.passwords }}/-/healthy{{ else }}{{ .path }}{{ end }}
  port: metrics
  scheme: {{ include "bridge.scheme" .root | upper }}
{{- end }}
{{- end }}

{{/* Several replicas without an engine would each ask GitLab for everything. */}}
{{- define "bridge.replicasFit" -}}
{{- if gt (int .Values.replicas) 1 }}
{{- $cluster := get .Values.config "cluster" | default dict }}
{{- if .Values.demo }}
{{- fail "replicas: the demo is one process; leave it at 1" }}
{{- end }}
{{- if not (or $cluster.url $cluster.sentinel) }}
{{- fail "replicas: several need an engine that they share; name it in config.cluster.url (docs/several-replicas.md), or leave it at 1" }}
{{- end }}
{{- if .Values.persistence.existingClaim }}
{{- fail "persistence.existingClaim: several replicas can't share a claim; leave it empty" }}
{{- end }}
{{- end }}
{{- end }}
