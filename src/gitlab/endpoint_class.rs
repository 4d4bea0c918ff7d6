//! Classes of endpoints: what GitLab limits together.

use reqwest::Url;

/// What is asked, as far as GitLab's limits tell endpoints apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum EndpointClass {
    /// Every query.
    Graphql,
    /// The list of all projects.
    Projects,
    /// One project, and what is below it.
    Project,
    /// The projects of a group.
    GroupProjects,
    /// The jobs of a project.
    Jobs,
    /// The rest of REST.
    Rest,
}

impl EndpointClass {
    pub(super) const ALL: [EndpointClass; 6] = [
        EndpointClass::Graphql,
        EndpointClass::Projects,
        EndpointClass::Project,
        EndpointClass::GroupProjects,
        EndpointClass::Jobs,
        EndpointClass::Rest,
    ];

    /// The class of an address of the REST API, also of one below a sub-path.
    pub(super) fn of(url: &Url) -> EndpointClass {
        let path = url.path().split_once("/api/v4/").map(|(_, path)| path);
        let parts: Vec<_> = path
            .unwrap_or_default()
            .split('/')
            .filter(|part| !part.is_empty())
            .collect();
        match parts[..] {
            ["projects"] => EndpointClass::Projects,
            ["projects", _, "jobs"] => EndpointClass::Jobs,
            ["projects", ..] => EndpointClass::Project,
            ["groups", _, "projects"] => EndpointClass::GroupProjects,
            _ => EndpointClass::Rest,
        }
    }

    /// Its name in metrics and logs.
    pub(super) fn name(self) -> &'static str {
        match self {
            EndpointClass::Graphql => "graphql",
            EndpointClass::Projects => "projects",
            EndpointClass::Project => "project",
            EndpointClass::GroupProjects => "group_projects",
            EndpointClass::Jobs => "jobs",
            EndpointClass::Rest => "rest",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_tells_its_class() {
        for (path, class) in [
            ("projects?per_page=100", "projects"),
            ("projects/", "projects"),
            ("projects/7", "project"),
            ("projects/a%2Fb/issues?state=opened", "project"),
            ("projects/7/pipelines/9/jobs", "project"),
            ("projects/7/jobs?scope[]=failed", "jobs"),
            ("groups/a%2Fprojects/projects", "group_projects"),
            ("groups/7", "rest"),
            ("user", "rest"),
        ] {
            for base in ["https://host", "https://host/projects/gitlab"] {
                let url = format!("{base}/api/v4/{path}").parse().unwrap();
                assert_eq!(EndpointClass::of(&url).name(), class, "{url}");
            }
        }
    }

    #[test]
    fn an_address_out_of_the_api_has_no_class_of_its_own() {
        let url = "https://host/projects".parse().unwrap();
        assert_eq!(EndpointClass::of(&url), EndpointClass::Rest);
    }
}
