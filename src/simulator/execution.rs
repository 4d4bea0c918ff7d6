//! Runs a GraphQL query that passed the checks: each field asks an object of the world.

use fastrand::Rng;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::arguments::{group_filter, order, projects_filter};
use super::clock::in_seconds;
use super::complexity::MAX_PAGE_SIZE;
use super::graphql::{REVISION, USER_NAME, USERNAME};
use super::listing::{Cursor, Filter, Order};
use super::plan::Step;
use super::project::{Project, Viewer};
use super::schema::{self, SCHEMA};
use super::validate::location;
use super::world::{Namespace, World};

/// How often a field that can time out does, in an answer that is to lose some: one in so many.
const ONE_IN: u32 = 4;

/// What fields are asked of.
pub(super) enum Object<'w> {
    Query,
    Metadata,
    CurrentUser,
    QueryComplexity,
    Group(&'w str, Namespace),
    Namespace(&'w str, Namespace),
    Page(Page<'w>),
    PageInfo(Page<'w>),
    Project(&'w Project),
    FeatureAccess(bool),
    Permissions(&'w Project),
    Repository(&'w Project),
    Statistics(&'w Project),
    IssueCounts(&'w Project),
    Counted(u64),
    IssuesSince(Timestamp, &'w Project),
    Type(String),
    TypeReference(&'w schema::Type),
    Field(&'w schema::Field),
    Argument(&'w schema::Argument),
}

/// A page of projects.
#[derive(Clone)]
pub(super) struct Page<'w> {
    projects: Vec<&'w Project>,
    total: u64,
    has_next: bool,
    has_previous: bool,
}

/// The value of a field, before its own fields are read.
enum Resolved<'w> {
    Value(Value),
    One(Object<'w>),
    Many(Vec<Object<'w>>),
}

/// Why a field has no value.
pub(super) enum Trouble {
    /// Null, with an error that says so.
    Field(String),
    /// The whole request fails.
    Request(Box<Answer>),
}

pub(super) struct Execution<'w, 'q> {
    pub(super) world: &'w World,
    pub(super) viewer: Viewer,
    pub(super) score: u32,
    pub(super) limit: u32,
    /// Decides which fields time out, where some are to.
    pub(super) timeouts: Option<Rng>,
    pub(super) path: Vec<Part<'q>>,
    pub(super) projects: usize,
    pub(super) heavy_projects: usize,
    pub(super) errors: Vec<Value>,
}

/// A part of the path to a field in the answer.
#[derive(Clone, Copy)]
pub(super) enum Part<'q> {
    Key(&'q str),
    Index(usize),
}

impl<'w, 'q> Execution<'w, 'q> {
    pub(super) fn object(
        &mut self,
        kind: &str,
        object: &Object<'w>,
        steps: &[Step<'q>],
    ) -> Result<Value, Box<Answer>> {
        let mut values = Map::new();
        for step in steps {
            self.path.push(Part::Key(step.key));
            let value = self.field(kind, object, step)?;
            self.path.pop();
            values.insert(step.key.to_owned(), value);
        }
        Ok(Value::Object(values))
    }

    fn field(
        &mut self,
        kind: &str,
        object: &Object<'w>,
        step: &Step<'q>,
    ) -> Result<Value, Box<Answer>> {
        // The checks have seen every field, so the schema knows all others.
        let Some(known) = step.known else {
            return Ok(kind.into());
        };
        let resolved = match self.refusal(object, known, &step.arguments) {
            Some(message) => Err(Trouble::Field(message)),
            None => self.resolve(object, step),
        };
        match resolved {
            Ok(Resolved::Value(value)) => Ok(value),
            Ok(Resolved::One(object)) => self.object(step.returns(), &object, &step.steps),
            Ok(Resolved::Many(objects)) => {
                let mut values = Vec::with_capacity(objects.len());
                for (index, object) in objects.iter().enumerate() {
                    self.path.push(Part::Index(index));
                    values.push(self.object(step.returns(), object, &step.steps)?);
                    self.path.pop();
                }
                Ok(Value::Array(values))
            }
            Err(Trouble::Request(answer)) => Err(answer),
            Err(Trouble::Field(message)) => {
                let path = self.path.iter().map(|part| match part {
                    Part::Key(key) => Value::from(*key),
                    Part::Index(index) => Value::from(*index),
                });
                let path: Value = path.collect();
                let locations = [location(step.position)];
                let error = json!({ "message": message, "locations": locations, "path": path });
                self.errors.push(error);
                Ok(Value::Null)
            }
        }
    }

    /// Why the model answers null and an error here, if it does.
    fn refusal(
        &mut self,
        object: &Object<'w>,
        known: &schema::Field,
        arguments: &Map<String, Value>,
    ) -> Option<String> {
        let name = &known.name;
        if known.traits.unmodelled {
            return Some(format!("The model does not answer '{name}'"));
        }
        let unmodelled = known.arguments.iter().find(|argument| {
            let value = arguments.get(&argument.name);
            argument.traits.unmodelled
                && value.is_some_and(|value| !value.is_null() && *value != false)
        });
        if let Some(argument) = unmodelled {
            return Some(format!(
                "The model does not answer '{name}({}:)'",
                argument.name
            ));
        }
        let Object::Project(project) = object else {
            return None;
        };
        let slow = &self.world.moods.slow_fields;
        let slow = !slow.is_empty() && slow.contains(&(project.id, name.clone()));
        (slow || self.times_out(known)).then(|| format!("Timeout on Project.{name}"))
    }

    /// Whether a field of a project is one of those that an answer is to lose.
    fn times_out(&mut self, known: &schema::Field) -> bool {
        let asks_the_database = SCHEMA.is_object(known.returns_name()) && known.may_be_null();
        let random = self.timeouts.as_mut();
        random.is_some_and(|random| asks_the_database && random.u32(0..ONE_IN) == 0)
    }

    fn resolve(&mut self, object: &Object<'w>, step: &Step<'q>) -> Result<Resolved<'w>, Trouble> {
        let name = step.name;
        Ok(match object {
            Object::Query => return self.query(step),
            Object::Metadata => Resolved::Value(match name {
                "version" => self.world.profile.version_text().into(),
                "revision" => REVISION.into(),
                _ => (!self.world.profile.community_edition).into(),
            }),
            Object::CurrentUser => Resolved::Value(match name {
                "id" => "gid://gitlab/User/1".into(),
                "username" => USERNAME.into(),
                _ => USER_NAME.into(),
            }),
            Object::QueryComplexity => Resolved::Value(match name {
                "limit" => self.limit.into(),
                _ => self.score.into(),
            }),
            Object::Group(path, group) => match name {
                "projects" => {
                    let filter = group_filter(path, &step.arguments)?;
                    return self.page(filter, step);
                }
                "projectsCount" => {
                    let filter = Filter {
                        group: Some(((*path).to_owned(), false)),
                        ..Filter::default()
                    };
                    let listed = filter.list(self.world, self.viewer, Order::IdAscending, None);
                    Resolved::Value(listed.count().into())
                }
                "visibility" => Resolved::Value("private".into()),
                _ => namespace_field(path, *group, name),
            },
            Object::Namespace(path, namespace) => namespace_field(path, *namespace, name),
            Object::Page(page) => match name {
                "count" => Resolved::Value(page.total.into()),
                "nodes" => Resolved::Many(
                    page.projects
                        .iter()
                        .map(|project| Object::Project(project))
                        .collect(),
                ),
                _ => Resolved::One(Object::PageInfo(page.clone())),
            },
            Object::PageInfo(page) => {
                let cursor = |project: Option<&&Project>| match project {
                    Some(project) => Cursor::of(project).text().into(),
                    None => Value::Null,
                };
                Resolved::Value(match name {
                    "hasNextPage" => page.has_next.into(),
                    "hasPreviousPage" => page.has_previous.into(),
                    "startCursor" => cursor(page.projects.first()),
                    _ => cursor(page.projects.last()),
                })
            }
            Object::Project(project) => return self.project(project, step),
            Object::Permissions(project) => Resolved::Value(match name {
                "downloadCode" => project.shows_code_to(self.viewer).into(),
                _ => project.shows_merge_requests_to(self.viewer).into(),
            }),
            Object::FeatureAccess(enabled) => Resolved::Value(match (name, enabled) {
                ("integerValue", true) => 20.into(),
                ("integerValue", false) => 0.into(),
                (_, true) => "ENABLED".into(),
                (_, false) => "DISABLED".into(),
            }),
            Object::Repository(project) => Resolved::Value(match name {
                "rootRef" if project.empty_repository => Value::Null,
                "rootRef" => project.default_branch.clone().into(),
                "empty" => project.empty_repository.into(),
                _ => true.into(),
            }),
            Object::Statistics(project) => {
                Resolved::Value(statistic(project, name, self.world.now()))
            }
            Object::IssueCounts(project) => Resolved::Value(match name {
                "opened" => project.issues_opened.into(),
                "closed" => project.issues_closed.into(),
                _ => project.issues_all().into(),
            }),
            Object::IssuesSince(since, project) => {
                Resolved::Value(remembered(project.issues_since(name, *since))?.into())
            }
            Object::Counted(count) => Resolved::Value((*count).into()),
            Object::Type(kind) => self.introspect(kind, name),
            Object::TypeReference(kind) => match (name, kind) {
                ("name", schema::Type::NamedType(kind)) => Resolved::Value(kind.clone().into()),
                ("kind", kind) => Resolved::Value(kind_word(kind).into()),
                ("ofType", schema::Type::ListType(inner) | schema::Type::NonNullType(inner)) => {
                    Resolved::One(Object::TypeReference(inner))
                }
                _ => Resolved::Value(Value::Null),
            },
            Object::Field(field) => match name {
                "name" => Resolved::Value(field.name.clone().into()),
                "type" => Resolved::One(Object::TypeReference(&field.returns)),
                _ => {
                    let accepted = field.accepted_arguments(&self.world.profile);
                    Resolved::Many(accepted.map(Object::Argument).collect())
                }
            },
            Object::Argument(argument) => match name {
                "name" => Resolved::Value(argument.name.clone().into()),
                _ => Resolved::One(Object::TypeReference(&argument.accepts)),
            },
        })
    }

    fn query(&mut self, step: &Step<'q>) -> Result<Resolved<'w>, Trouble> {
        let signed_in = self.viewer == Viewer::User;
        let path = step.text("fullPath").unwrap_or_default();
        let object = match step.name {
            "projects" => return self.page(projects_filter(&step.arguments)?, step),
            "project" => {
                let found = self.world.find_project(path);
                let Some(project) = found.filter(|project| project.visible_to(self.viewer)) else {
                    return Ok(Resolved::Value(Value::Null));
                };
                if step.counts_rows() {
                    self.endure(&[project])?;
                }
                self.projects += 1;
                Some(Object::Project(project))
            }
            "group" => {
                // By path only: a number is a name like any other here.
                let group = self.world.visible_group(path, self.viewer);
                let group = group.filter(|(found, _)| *found == path);
                group.map(|(path, group)| Object::Group(path, group))
            }
            "metadata" => signed_in.then_some(Object::Metadata),
            "currentUser" => signed_in.then_some(Object::CurrentUser),
            "queryComplexity" => Some(Object::QueryComplexity),
            _ => {
                let kind = step.text("name").unwrap_or_default();
                let exists = SCHEMA.fields(&self.world.profile, kind).is_some();
                exists.then(|| Object::Type(kind.to_owned()))
            }
        };
        Ok(object.map_or(Resolved::Value(Value::Null), Resolved::One))
    }

    fn page(&mut self, filter: Filter, step: &Step<'q>) -> Result<Resolved<'w>, Trouble> {
        let order = order(step)?;
        let after = match step.text("after") {
            None | Some("") => None,
            Some(text) => Some(
                Cursor::parse(text)
                    .ok_or_else(|| Trouble::Field("Please provide a valid cursor".to_owned()))?,
            ),
        };
        let size = step.arguments.get("first").and_then(Value::as_u64);
        let size = size.unwrap_or(MAX_PAGE_SIZE).min(MAX_PAGE_SIZE) as usize;
        let (world, viewer) = (self.world, self.viewer);
        let mut projects: Vec<&'w Project> = Vec::new();
        let mut has_next = false;
        for project in filter.list(world, viewer, order, after) {
            if projects.len() == size {
                has_next = true;
                break;
            }
            projects.push(project);
        }
        let total = match step.step("count") {
            Some(_) => filter.list(world, viewer, Order::IdAscending, None).count() as u64,
            None => 0,
        };
        if step.step("nodes").is_some_and(Step::counts_rows) {
            self.endure(&projects)?;
        }
        self.projects += projects.len();
        Ok(Resolved::One(Object::Page(Page {
            projects,
            total,
            has_next,
            has_previous: after.is_some(),
        })))
    }

    /// Fails a heavy page that this GitLab can't manage in time; all of a request share the time.
    fn endure(&mut self, projects: &[&Project]) -> Result<(), Trouble> {
        self.heavy_projects += projects.len();
        let moods = &self.world.moods;
        let too_dear = moods.page_cost.is_some_and(|(per_project, limit)| {
            per_project.saturating_mul(self.heavy_projects as u32) > limit
        });
        let broken = projects.iter().any(|project| {
            let most = moods.page_breakers.get(&project.id);
            most.is_some_and(|&most| projects.len() > most)
        });
        if too_dear || broken {
            return Err(Trouble::Request(Box::new(Answer::page_timed_out())));
        }
        Ok(())
    }

    fn project(&self, project: &'w Project, step: &Step<'q>) -> Result<Resolved<'w>, Trouble> {
        let (world, viewer, name) = (self.world, self.viewer, step.name);
        let word = |name: &str| step.text(name).unwrap_or("all");
        let shown = |shown: bool, object: Object<'w>| {
            Ok(match shown {
                true => Resolved::One(object),
                false => Resolved::Value(Value::Null),
            })
        };
        let issues_shown = project.shows_issues_to(viewer);
        let merge_requests_shown = project.shows_merge_requests_to(viewer);
        Ok(Resolved::Value(match name {
            "id" => format!("gid://gitlab/Project/{}", project.id).into(),
            "fullPath" => project.full_path.clone().into(),
            "path" => project.path().into(),
            "name" => project.name.clone().into(),
            "webUrl" => format!(
                "https://gitlab.example.com{}/{}",
                world.base, project.full_path
            )
            .into(),
            "archived" => project.archived.into(),
            "visibility" => project.visibility.word().into(),
            "createdAt" => in_seconds(project.created_at).into(),
            "updatedAt" => in_seconds(project.updated_at()).into(),
            "lastActivityAt" => in_seconds(project.last_activity_at).into(),
            "markedForDeletion" | "isSelfDeletionScheduled" => {
                project.marked_for_deletion_on.is_some().into()
            }
            "markedForDeletionOn" => project.marked_for_deletion_on.map(in_seconds).into(),
            "isForked" => project.forked_from.is_some().into(),
            "forkedFrom" => {
                let original = project.forked_from.and_then(|id| world.project_by_id(id));
                match original.filter(|original| original.visible_to(viewer)) {
                    Some(original) => return Ok(Resolved::One(Object::Project(original))),
                    None => Value::Null,
                }
            }
            "namespace" | "group" => {
                let path = project.namespace_path();
                match world.namespace(path) {
                    Some(group) if !group.personal && name == "group" => {
                        return Ok(Resolved::One(Object::Group(path, group)));
                    }
                    Some(namespace) if name == "namespace" => {
                        return Ok(Resolved::One(Object::Namespace(path, namespace)));
                    }
                    _ => Value::Null,
                }
            }
            // Whether the feature is on for everyone, not whether this user may read its things.
            "mergeRequestsEnabled" => project.features.merge_requests.into(),
            "userPermissions" => return Ok(Resolved::One(Object::Permissions(project))),
            "issuesEnabled" => issues_shown.into(),
            "jobsEnabled" => project.shows_builds_to(viewer).into(),
            "mergeRequestsAccessLevel" => {
                return Ok(Resolved::One(Object::FeatureAccess(
                    project.features.merge_requests,
                )));
            }
            "issuesAccessLevel" => {
                return Ok(Resolved::One(Object::FeatureAccess(
                    project.features.issues,
                )));
            }
            "repository" => {
                return shown(project.shows_code_to(viewer), Object::Repository(project));
            }
            "starCount" => project.stars.into(),
            "forksCount" => project.forks.into(),
            "openIssuesCount" if issues_shown => project.issues_opened.into(),
            "openMergeRequestsCount" if merge_requests_shown => {
                project.merge_requests.opened.into()
            }
            "statistics" => {
                return shown(
                    project.shows_statistics_to(viewer),
                    Object::Statistics(project),
                );
            }
            "issueStatusCounts" => {
                let counts = match since(step)? {
                    Some(since) => Object::IssuesSince(since, project),
                    None => Object::IssueCounts(project),
                };
                return shown(issues_shown, counts);
            }
            "mergeRequests" => {
                let state = word("state");
                let count = match since(step)? {
                    Some(since) => remembered(project.merge_requests_since(state, since))?,
                    None => project.merge_requests.in_state(state),
                };
                // Without the permission the list is empty, as in GitLab.
                let count = if merge_requests_shown { count } else { 0 };
                return Ok(Resolved::One(Object::Counted(count)));
            }
            "issues" => {
                let state = word("state");
                let count = match since(step)? {
                    Some(since) => remembered(project.issues_since(state, since))?,
                    None => project.issues_in_state(state),
                };
                return shown(issues_shown, Object::Counted(count));
            }
            "releases" => {
                return shown(
                    project.shows_releases_to(viewer),
                    Object::Counted(project.releases),
                );
            }
            "packages" => {
                return shown(
                    project.shows_code_to(viewer),
                    Object::Counted(project.packages),
                );
            }
            "labels" => return shown(true, Object::Counted(project.labels)),
            "pipelines" => {
                let status = word("status");
                let count = match since(step)? {
                    Some(since) => remembered(project.pipelines_since(status, since))?,
                    None => project.pipelines.in_status(status),
                };
                return shown(project.shows_builds_to(viewer), Object::Counted(count));
            }
            // Among them `vulnerabilitySeveritiesCount`: no licence, so null.
            _ => Value::Null,
        }))
    }

    fn introspect(&self, kind: &str, name: &str) -> Resolved<'w> {
        match name {
            "name" => Resolved::Value(kind.into()),
            "kind" => Resolved::Value("OBJECT".into()),
            "fields" => {
                let fields = SCHEMA.fields(&self.world.profile, kind).unwrap_or_default();
                Resolved::Many(fields.into_iter().map(Object::Field).collect())
            }
            _ => Resolved::Value(Value::Null),
        }
    }
}

fn namespace_field<'w>(path: &str, namespace: Namespace, name: &str) -> Resolved<'w> {
    let kind = if namespace.personal {
        "Namespaces::UserNamespace"
    } else {
        "Group"
    };
    Resolved::Value(match name {
        "id" => format!("gid://gitlab/{kind}/{}", namespace.id).into(),
        "fullPath" => path.into(),
        _ => path.rsplit('/').next().unwrap_or(path).into(),
    })
}

fn statistic(project: &Project, name: &str, now: Timestamp) -> Value {
    let sizes = &project.sizes;
    let number = match name {
        "commitCount" => project.commits_in_statistics(now),
        "storageSize" => sizes.storage(),
        "repositorySize" => sizes.repository,
        "lfsObjectsSize" => sizes.lfs_objects,
        "buildArtifactsSize" => sizes.build_artifacts,
        "pipelineArtifactsSize" => sizes.pipeline_artifacts,
        "packagesSize" => sizes.packages,
        "wikiSize" => sizes.wiki,
        "snippetsSize" => sizes.snippets,
        "uploadsSize" => sizes.uploads,
        _ => match sizes.container_registry {
            Some(size) => size,
            None => return Value::Null,
        },
    };
    // Floats in the schema, and GitLab writes them as `223.0`.
    (number as f64).into()
}

/// The time after which something changed that is to be counted.
fn since(step: &Step<'_>) -> Result<Option<Timestamp>, Trouble> {
    let since = step.text("updatedAfter").map(str::parse);
    let invalid = |_| Trouble::Field("Argument 'updatedAfter' is no time".to_owned());
    since.transpose().map_err(invalid)
}

/// A count of what changed, or the admission that the model has forgotten.
fn remembered(count: Option<u64>) -> Result<u64, Trouble> {
    let forgotten = || Trouble::Field("The model does not remember so many changes".to_owned());
    count.ok_or_else(forgotten)
}

fn kind_word(kind: &schema::Type) -> &'static str {
    match kind {
        schema::Type::ListType(_) => "LIST",
        schema::Type::NonNullType(_) => "NON_NULL",
        schema::Type::NamedType(name) if SCHEMA.is_object(name) => "OBJECT",
        schema::Type::NamedType(name) if SCHEMA.is_enum(name) => "ENUM",
        schema::Type::NamedType(_) => "SCALAR",
    }
}
