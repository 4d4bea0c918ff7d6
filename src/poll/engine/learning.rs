//! Learns from what GitLab refuses as unknown: the rest is asked again without it.

use super::Engine;
use super::gitlab::GitLab;
use super::notice::Notice;
use super::unknown::{Unknown, is_argument, is_unknown};
use crate::gitlab::{Error, GraphqlError};
use crate::metrics::EnabledMetrics;

impl Engine {
    /// Notes what a refused document asked for and GitLab does not know. True if the same is worth asking
    /// again, since what is missing will be left out: it is new, or was found after the document was sent.
    pub(super) fn learns(&mut self, error: &Error) -> bool {
        let Error::Graphql { errors } = error else {
            return false;
        };
        let mut learnt = false;
        for unknown in errors.iter().filter_map(Unknown::read) {
            let lost = self.gitlab.lose_unknown(&unknown, &self.enabled);
            if lost {
                let field = unknown.to_string();
                self.notices.push(Notice::FieldUnknown { field });
            }
            learnt |= lost;
        }
        self.is_worth_asking_again(errors, learnt)
    }

    fn is_worth_asking_again(&mut self, errors: &[GraphqlError], learnt: bool) -> bool {
        let was_sent_before = self.gitlab.answering <= self.gitlab.learnt;
        if learnt {
            self.gitlab.learnt = self.requests;
        }
        learnt || was_sent_before && errors.iter().any(is_unknown)
    }

    /// Notes the root fields that GitLab says it does not know. False if none of them is new.
    pub(super) fn lose_root_fields(&mut self, errors: &[GraphqlError]) -> bool {
        // The path begins with the name of the query.
        self.lose_by_path(errors, |_| 1, GitLab::lose_root)
    }

    /// Notes the fields that GitLab says it does not know. False if none of them is new.
    pub(super) fn lose_fields(&mut self, errors: &[GraphqlError]) -> bool {
        let below_nodes = |error: &GraphqlError| {
            let nodes = error.path.iter().position(|segment| segment == "nodes");
            nodes.map_or(error.path.len(), |nodes| nodes + 1)
        };
        self.lose_by_path(errors, below_nodes, GitLab::lose)
    }

    /// Notes unknown fields by their keys, which begin behind so many segments of an error's path; by
    /// their types where it has none.
    fn lose_by_path(
        &mut self,
        errors: &[GraphqlError],
        above: impl Fn(&GraphqlError) -> usize,
        lose: impl Fn(&mut GitLab, Vec<String>, &EnabledMetrics) -> bool,
    ) -> bool {
        let mut lost = false;
        for error in errors.iter().filter(|error| is_unknown(error)) {
            let below = error.path.iter().skip(above(error));
            let keys = below.filter_map(serde_json::Value::as_str);
            let mut keys: Vec<_> = keys.map(str::to_owned).collect();
            // The path of an unknown argument ends with the argument; its field is what can't be asked.
            if is_argument(error) {
                keys.pop();
            }
            if keys.is_empty() {
                let errors = vec![error.clone()];
                lost |= self.learns(&Error::Graphql { errors });
                continue;
            }
            if let Some(unknown @ Unknown::Field { .. }) = Unknown::read(error) {
                lost |= self.gitlab.lose_unknown(&unknown, &self.enabled);
            }
            let field = keys.join(".");
            self.notices.push(Notice::FieldUnknown { field });
            lost |= lose(&mut self.gitlab, keys, &self.enabled);
        }
        self.is_worth_asking_again(errors, lost)
    }
}
