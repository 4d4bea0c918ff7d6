//! What the three dashboards of that exporter ask, with variables filled in: every panel and every variable of
//! "pipelines" (10620), "jobs" (13328) and "environments" (13329).

/// What the exporter's own dashboard asks though no version of the exporter has such a metric: it is answered
/// by the `or vector(0)` behind it.
pub const WITHOUT_A_METRIC: &str = "gitlab_ci_environment_status";

/// An expression, and where it stands.
pub struct Expression {
    pub place: String,
    pub query: String,
}

/// Of pipelines or of jobs: both boards ask the same.
struct Board {
    name: &'static str,
    prefix: &'static str,
    selector: String,
    by: &'static str,
    /// As the table of what is not completed groups.
    by_of_status: &'static str,
}

/// All expressions; projects are chosen by this pattern.
pub fn all(projects: &str) -> Vec<Expression> {
    let of_projects = format!("project=~\"({projects}).*\",project=~\".*\"");
    let boards = [
        Board {
            name: "pipelines",
            prefix: "gitlab_ci_pipeline",
            selector: format!("{of_projects},ref=~\".*\""),
            by: "project, ref, kind",
            by_of_status: "project, ref, kind, job_name",
        },
        Board {
            name: "jobs",
            prefix: "gitlab_ci_pipeline_job",
            selector: format!("{of_projects},ref=~\".*\",job_name=~\".*\""),
            by: "project, ref, job_name, kind",
            by_of_status: "project, ref, job_name, kind",
        },
    ];
    let mut all: Vec<(String, String)> = boards.iter().flat_map(Board::expressions).collect();
    let selector = format!("{of_projects},environment=~\".*\"");
    let own = environments(&selector).into_iter();
    all.extend(own.map(|(panel, query)| (format!("environments: {panel}"), query)));
    let all = all.into_iter();
    all.map(|(place, query)| Expression { place, query })
        .collect()
}

/// The words of a table cell's colours, in order.
const STATUSES: [&str; 10] = [
    "running",
    "failed",
    "canceled",
    "created",
    "waiting_for_resource",
    "preparing",
    "pending",
    "skipped",
    "manual",
    "scheduled",
];

impl Board {
    fn expressions(&self) -> Vec<(String, String)> {
        let (p, s) = (self.prefix, &self.selector);
        let failed = format!("{p}_status{{status=\"failed\",{s}}}");
        let ran = format!("sum(increase({p}_run_count{{{s}}}[1m])) by (project, ref)");
        let is =
            |filter: &str, times: u8| format!("({p}_status{{status{filter},{s}}} * {times} > 0)");
        let polystat = [
            is("=\"success\"", 1),
            is("=\"running\"", 2),
            is("=~\"failed|canceled\"", 3),
            is("!~\"success|running|failed|canceled\"", 4),
        ];
        let mut all = vec![
            ("count", format!("count({p}_run_count{{{s}}})")),
            ("failed", format!("count({failed} > 0) or vector(0)")),
            (
                "runs in 1 h",
                format!("sum(increase({p}_run_count{{{s}}}[1h]))"),
            ),
            ("polystat", polystat.join(" or ")),
            ("frequency", format!("avg(time() - {p}_timestamp{{{s}}})")),
            ("duration", format!("avg({p}_duration_seconds{{{s}}})")),
            ("runs", format!("{ran} / {ran}")),
            ("variable PROJECT", format!("group({p}_id) by (project)")),
            ("variable REF", format!("group({p}_id{{{s}}}) by (ref)")),
        ];
        all.extend(self.tables());
        let name = self.name;
        all.into_iter()
            .map(|(panel, query)| (format!("{name}: {panel}"), query))
            .collect()
    }

    /// The tables of what is completed, and of what is not.
    fn tables(&self) -> Vec<(&'static str, String)> {
        let (p, s, by) = (self.prefix, &self.selector, self.by);
        let mut all = Vec::new();
        for (table, filter) in [("completed", "!~"), ("not completed", "=~")] {
            let by_of_d = if filter == "=~" {
                self.by_of_status
            } else {
                by
            };
            let unless = |by: &str| {
                format!("unless max({p}_status{{status{filter}\"success\",{s}}}) by ({by}) > 0")
            };
            all.push((
                table,
                format!(
                    "-max(time() - {p}_timestamp{{{s}}}) by ({by}) {}",
                    unless(by)
                ),
            ));
            all.push((
                table,
                format!("max({p}_duration_seconds{{{s}}}) by ({by}) {}", unless(by)),
            ));
            all.push((
                table,
                format!("max({p}_id{{{s}}}) by ({by_of_d}) {}", unless(by_of_d)),
            ));
        }
        let cell = |(place, status): (usize, &&str)| {
            format!(
                "(max({p}_status{{{s},status=~\"{status}\"}}) by ({by}) * {}) > 0",
                place + 2
            )
        };
        let cells: Vec<String> = STATUSES.iter().enumerate().map(cell).collect();
        all.push(("not completed", cells.join(" or ")));
        all
    }
}

fn environments(s: &str) -> Vec<(&'static str, String)> {
    const E: &str = "gitlab_ci_environment";
    let by = "by (project, environment)";
    let available =
        |is: &str| format!("count({E}_information{{available=\"{is}\",{s}}}) or vector(0)");
    let deployed = format!("sum(increase({E}_deployment_count{{{s}}}[1m])) {by}");
    let mut all = table_of_environments(s, by);
    all.extend([
        ("polystat", format!("{E}_behind_commits_count{{{s}}}")),
        ("available", available("true")),
        ("unavailable", available("false")),
        (
            "not up to date",
            format!("count({E}_behind_commits_count{{{s}}} > 0) or vector(0)"),
        ),
        (
            "failed",
            format!("count({WITHOUT_A_METRIC}{{status=\"failed\",{s}}} > 0) or vector(0)"),
        ),
        (
            "average of commits",
            format!("avg({E}_behind_commits_count{{{s}}})"),
        ),
        (
            "average of time",
            format!("avg({E}_behind_duration_seconds{{{s}}})"),
        ),
        ("deployments", format!("{deployed} / {deployed}")),
        (
            "deployments in 1 h",
            format!("sum(increase({E}_deployment_count{{{s}}}[1h]))"),
        ),
        (
            "variable ENVIRONMENT",
            format!("group({E}_information) by (environment)"),
        ),
    ]);
    all
}

fn table_of_environments(s: &str, by: &str) -> Vec<(&'static str, String)> {
    const E: &str = "gitlab_ci_environment";
    let statuses = statuses_of_deployments(s, by);
    let information = "environment_id, project, environment, author_email, current_commit_short_id, ref, \
                       latest_commit_short_id";
    vec![
        ("table: status", statuses),
        (
            "table: time",
            format!("-max(time() - {E}_deployment_timestamp{{{s}}}) {by}"),
        ),
        (
            "table: duration",
            format!("max({E}_deployment_duration_seconds{{{s}}}) {by}"),
        ),
        (
            "table: commits",
            format!("max({E}_behind_commits_count{{{s}}}) {by}"),
        ),
        (
            "table: behind",
            format!("max({E}_behind_duration_seconds{{{s}}}) {by}"),
        ),
        (
            "table: job",
            format!("max({E}_deployment_job_id{{{s}}}) {by}"),
        ),
        (
            "table: information",
            format!("max({E}_information{{{s}}}) by ({information})"),
        ),
    ]
}

fn statuses_of_deployments(s: &str, by: &str) -> String {
    const E: &str = "gitlab_ci_environment";
    let cell = |status: &str, times: u8| {
        format!("(max({E}_deployment_status{{{s},status=~\"{status}\"}}) {by} * {times}) > 0")
    };
    let rest = "created|waiting_for_resource|preparing|pending|manual|scheduled";
    let statuses = [
        cell("success", 1),
        cell("running", 2),
        cell("failed", 3),
        cell("canceled", 4),
        cell("skipped", 5),
        cell(rest, 6),
    ];
    statuses.join(" or ")
}
