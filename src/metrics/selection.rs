//! What is asked below a node of GraphQL: many paths become one selection.

use serde_json::Value;

/// The fields to select below `Project`, merged from paths, and the way back from an answer.
///
/// `issueStatusCounts.opened` and `issueStatusCounts.closed` become one field with two members;
/// two `mergeRequests(state: …)` become two aliases, since GraphQL has one answer per name.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    fields: Vec<Field>,
}

#[derive(Clone, Debug)]
struct Field {
    /// The name in the answer.
    key: String,
    /// As it stands in the query, with alias and arguments.
    text: String,
    members: Vec<Field>,
}

impl Selection {
    /// Adds a path and returns where its value will stand in an answer.
    pub fn add(&mut self, path: &str) -> Vec<String> {
        let mut fields = &mut self.fields;
        let mut keys = Vec::new();
        for segment in segments(path) {
            let (key, text) = named(segment);
            let at = fields.iter().position(|field| field.key == key);
            let at = at.unwrap_or_else(|| {
                fields.push(Field {
                    key: key.clone(),
                    text,
                    members: Vec::new(),
                });
                fields.len() - 1
            });
            fields = &mut fields[at].members;
            keys.push(key);
        }
        keys
    }

    /// Adds a member of a field that has an alias, whatever stands in its arguments.
    pub fn add_as(&mut self, alias: &str, field: &str, member: &str) {
        let at = self.fields.iter().position(|own| own.key == alias);
        let at = at.unwrap_or_else(|| {
            self.fields.push(Field {
                key: alias.to_owned(),
                text: field.to_owned(),
                members: Vec::new(),
            });
            self.fields.len() - 1
        });
        self.fields[at].members.push(Field {
            key: member.to_owned(),
            text: member.to_owned(),
            members: Vec::new(),
        });
    }

    /// The selection as it stands in a query, without the outer braces.
    pub fn text(&self) -> String {
        write(&self.fields)
    }

    /// What GitLab's formula for the complexity of a query makes of it.
    pub fn score(&self) -> usize {
        self.fields.iter().map(Field::score).sum()
    }

    /// How many rows of a project GitLab counts one query at a time for it: what takes its time.
    pub fn counted(&self) -> usize {
        self.fields.iter().filter(|field| field.is_list()).count()
    }
}

impl Field {
    /// Fields that make GitLab call its Git server.
    const GITALY: [&str; 5] = ["forksCount", "rootRef", "empty", "exists", "pipelines"];
    /// Lists that GitLab sorts unless told otherwise.
    const SORTED: [&str; 3] = ["mergeRequests", "issues", "releases"];

    /// GitLab counts what is below a list once more for each hundred entries that are asked for.
    fn score(&self) -> usize {
        let name = self.name();
        let extra = usize::from(Self::GITALY.contains(&name))
            + usize::from(self.is_list() && Self::SORTED.contains(&name));
        let below = self.members.iter().map(Field::score).sum::<usize>();
        1 + extra + below + below * self.first() / 100
    }

    /// How many entries of a list are asked for.
    fn first(&self) -> usize {
        let after = self
            .text
            .split_once("first: ")
            .map_or("", |(_, after)| after);
        let digits = after
            .split(|character: char| !character.is_ascii_digit())
            .next();
        digits
            .and_then(|digits| digits.parse().ok())
            .unwrap_or_default()
    }

    fn is_list(&self) -> bool {
        self.text.contains("first: ")
    }

    fn name(&self) -> &str {
        let text = self
            .text
            .split_once(": ")
            .filter(|(alias, _)| *alias == self.key);
        let text = text.map_or(self.text.as_str(), |(_, text)| text);
        text.split('(').next().unwrap_or(text)
    }
}

/// Where a path's value stands in an answer: the keys from the project's node downwards.
pub fn keys(path: &str) -> Vec<String> {
    segments(path).map(|segment| named(segment).0).collect()
}

/// The member of a body that a path such as `statistics.commit_count` names.
pub fn member<'a>(body: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(body, |value, key| &value[key])
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_i32;
    path.split(move |character| {
        depth += match character {
            '(' => 1,
            ')' => -1,
            _ => 0,
        };
        character == '.' && depth == 0
    })
}

/// The key and the text of a segment: `mergeRequests(state: opened, first: 1)` is asked under the
/// alias `mergeRequestsOpened`; arguments that are numbers do not name anything.
fn named(segment: &str) -> (String, String) {
    let Some((name, arguments)) = segment.split_once('(') else {
        return (segment.to_owned(), segment.to_owned());
    };
    let mut key = name.to_owned();
    for argument in arguments.trim_end_matches(')').split(',') {
        let value = argument
            .split_once(':')
            .map_or("", |(_, value)| value.trim());
        // Lists, texts and times before now tell fields apart as words do; `$since` is only one.
        let value = value.trim_matches(['[', ']', '"']);
        let value = match value.strip_prefix('$') {
            Some(name) if name.starts_with("ago") => name,
            Some(_) => "",
            None => value,
        };
        if value.starts_with(char::is_alphabetic) {
            let of_a_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
            let value = value.replace(|letter| !of_a_name(letter), "_");
            key.push_str(&value[..1].to_uppercase());
            key.push_str(&value[1..]);
        }
    }
    let alias = if key == name {
        String::new()
    } else {
        format!("{key}: ")
    };
    (key, format!("{alias}{segment}"))
}

fn write(fields: &[Field]) -> String {
    let texts = fields.iter().map(|field| match field.members.is_empty() {
        true => field.text.clone(),
        false => format!("{} {{ {} }}", field.text, write(&field.members)),
    });
    texts.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_one_selection() {
        let mut selection = Selection::default();
        selection.add("starCount");
        selection.add("issueStatusCounts.opened");
        selection.add("mergeRequests(state: opened, first: 1).count");
        selection.add("issueStatusCounts.closed");
        let merged = selection.add("mergeRequests(state: merged, first: 1).count");
        selection.add("releases(first: 1).count");
        assert_eq!(
            selection.text(),
            "starCount issueStatusCounts { opened closed } \
             mergeRequestsOpened: mergeRequests(state: opened, first: 1) { count } \
             mergeRequestsMerged: mergeRequests(state: merged, first: 1) { count } \
             releases(first: 1) { count }"
        );
        assert_eq!(merged, ["mergeRequestsMerged", "count"]);
    }

    #[test]
    fn arguments_tell_fields_apart() {
        let mut selection = Selection::default();
        for path in [
            "issueStatusCounts.opened",
            "issueStatusCounts(types: [INCIDENT]).opened",
            "mergeRequests(state: opened, first: 1).count",
            "mergeRequests(state: opened, createdBefore: $ago7d, first: 1).count",
            "environment(name: \"review/app\").id",
            "pipelines(updatedAfter: $since, first: 1).count",
        ] {
            selection.add(path);
        }
        assert_eq!(
            selection.text(),
            "issueStatusCounts { opened } \
             issueStatusCountsINCIDENT: issueStatusCounts(types: [INCIDENT]) { opened } \
             mergeRequestsOpened: mergeRequests(state: opened, first: 1) { count } \
             mergeRequestsOpenedAgo7d: mergeRequests(state: opened, createdBefore: $ago7d, first: 1) { count } \
             environmentReview_app: environment(name: \"review/app\") { id } \
             pipelines(updatedAfter: $since, first: 1) { count }"
        );
    }
}
