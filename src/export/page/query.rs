//! What a request asks for in its query. What is not known is ignored; what is too long is refused.

use url::form_urlencoded;

/// More letters are no part of a path.
pub const LONGEST_SEARCH: usize = 200;
/// A longer query is none of ours.
const LONGEST: usize = 4_096;

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// A search, also an empty one.
    pub search: Option<String>,
    /// The name of a GitLab.
    pub gitlab: Option<String>,
}

impl Query {
    /// Reads the query of an address. Of what is said twice the first holds.
    ///
    /// # Errors
    /// In a sentence, if it is too long.
    pub fn read(text: Option<&str>) -> Result<Query, String> {
        let text = text.unwrap_or_default();
        if text.len() > LONGEST {
            return Err(format!(
                "The query of this address has {} bytes, and no more than {LONGEST} are read: shorten it.",
                text.len()
            ));
        }
        let mut query = Query::default();
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            let field = match &*name {
                "q" => &mut query.search,
                "gitlab" => &mut query.gitlab,
                _ => continue,
            };
            let letters = value.chars().count();
            if letters > LONGEST_SEARCH {
                return Err(format!(
                    "{name} has {letters} letters, and no more than {LONGEST_SEARCH} are read: shorten it."
                ));
            }
            field.get_or_insert_with(|| value.into_owned());
        }
        Ok(query)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_ignored_and_what_is_too_long_is_refused() {
        let query = Query::read(Some("utm=1&q=web%2Fshop+a&q=b&gitlab=com&%ff=%ff")).unwrap();
        assert_eq!(query.search.as_deref(), Some("web/shop a"));
        assert_eq!(query.gitlab.as_deref(), Some("com"));
        assert_eq!(Query::read(None), Ok(Query::default()));
        let long = format!("q={}", "ä".repeat(LONGEST_SEARCH));
        assert!(Query::read(Some(&long)).is_ok());
        let refused = Query::read(Some(&format!("{long}ä"))).unwrap_err();
        assert!(refused.contains("201 letters"), "{refused}");
        let unknown = format!("other={}", "a".repeat(LONGEST));
        assert!(
            Query::read(Some(&unknown))
                .unwrap_err()
                .contains("4102 bytes")
        );
        assert_eq!(
            Query::read(Some("q=%E4")).unwrap().search.as_deref(),
            Some("\u{fffd}")
        );
    }
}
