//! The table of our names and those of the semantic conventions, rendered from the catalogue.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::VERSION;
use crate::metrics::reference::instrument;
use crate::metrics::subject::{Grain, Known};
use crate::metrics::{Catalogue, Metric};

/// The reference of these names: `otel/semconv.md`.
pub fn names_by_conventions(catalogue: &'static Catalogue) -> String {
    let mut page = format!(
        "# Names of the semantic conventions\n\n\
         Rendered from `src/metrics` by `UPDATE_OTEL=1 cargo test`; do not edit.\n\n\
         With `otlp.names: semconv` metrics go over OTLP by the names of OpenTelemetry's semantic conventions \
         {VERSION}, and those without a convention by a name of ours with dots. \
         [names.md](../docs/names.md) says what that means.\n\n\
         Every series of a project has `gitlab.project.id`, `vcs.repository.url.full`, `vcs.repository.name` \
         and `vcs.owner.name`; `vcs.*` have `vcs.provider.name` as well, and `cicd.pipeline.*` have \
         `cicd.pipeline.name`, the project's full path. If several GitLabs are polled, every series about one \
         of them has `gitlab.instance.name`.\n"
    );
    let told = catalogue.by_conventions().metrics();
    let (conventions, own): (Vec<_>, Vec<_>) = told
        .iter()
        .partition(|metric| !metric.name.starts_with("gitlab."));
    let _ = write!(page, "\n## Conventions\n\n{HEAD}");
    let mut by_name = BTreeMap::<_, Vec<&Metric>>::new();
    for metric in conventions {
        by_name.entry(metric.name).or_default().push(metric);
    }
    for metric in by_name.values().flatten() {
        let _ = writeln!(page, "{}", row(metric));
    }
    let _ = write!(page, "\n## Our own\n\n{HEAD}");
    for metric in own {
        let _ = writeln!(page, "{}", row(metric));
    }
    page.push_str("\n## Told by others\n\n| ours | is told by |\n|---|---|\n");
    for metric in catalogue.metrics() {
        if let Known::Within(name) = metric.row().known {
            let _ = writeln!(page, "| `{}` | `{name}` |", metric.name);
        }
    }
    page
}

const HEAD: &str = "| name | type | unit | attributes | ours |\n|---|---|---|---|---|\n";

fn row(metric: &Metric) -> String {
    let code = |text: &str| match text {
        "" => String::new(),
        text => format!("`{text}`"),
    };
    let mut attributes = metric.told_attributes();
    if metric.subject.of == Grain::Project && metric.is_per_project() {
        attributes.retain(|name| *name != "gitlab.project.id");
    }
    let attributes: Vec<_> = attributes.iter().map(|name| code(name)).collect();
    format!(
        "| `{}` | {} | {} | {} | `{}` |",
        metric.name,
        instrument(metric),
        code(metric.unit),
        attributes.join(", "),
        metric.ours(),
    )
}
