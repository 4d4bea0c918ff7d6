//! The documents: their links lead somewhere, the names in them exist, and what they tell to do works.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod getting_started;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use gitlab_metrics_bridge::metrics::Catalogue;

/// Folders that hold no document of ours.
const NOT_OURS: [&str; 3] = ["target", "node_modules", ".git"];

fn file(path: impl AsRef<Path>) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// All documents, by their paths from the top.
fn documents() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![file("")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let (path, name) = (entry.path(), entry.file_name());
            // A link into another folder is read there.
            if entry.file_type().unwrap().is_dir() && !NOT_OURS.iter().any(|own| name == *own) {
                folders.push(path);
            } else if path.extension().is_some_and(|own| own == "md") {
                found.push(path.strip_prefix(file("")).unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

fn text(document: &Path) -> String {
    fs::read_to_string(file(document)).unwrap()
}

#[test]
fn documents_link_to_files_and_headings_that_exist() {
    let documents = documents();
    assert!(documents.len() >= 15, "{documents:?}");
    for document in documents {
        let shown = document.display();
        let folder = document.parent().unwrap();
        for link in text(&document).split("](").skip(1) {
            let link = link.split(')').next().unwrap();
            if link.contains("://") {
                continue;
            }
            let (path, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = match path {
                "" => file(&document),
                path => file(folder.join(path)),
            };
            assert!(target.exists(), "{shown} links to {link}");
            if !heading.is_empty() {
                let known = headings(&fs::read_to_string(&target).unwrap());
                assert!(known.contains(heading), "{shown} links to {link}");
            }
        }
    }
}

#[test]
fn the_readme_leads_to_every_document_and_is_short() {
    let readme = text(Path::new("README.md"));
    assert!(readme.lines().count() <= 200, "a newcomer stops reading");
    let is_for_users = |document: &&PathBuf| {
        document.starts_with("docs") || document.starts_with("otel") || document.iter().count() == 1
    };
    let documents = documents();
    let documents = documents.iter().filter(is_for_users);
    let unlinked: Vec<_> = documents
        .map(|document| document.display().to_string())
        .filter(|document| document != "README.md" && !readme.contains(&format!("]({document})")))
        .collect();
    assert!(unlinked.is_empty(), "README.md does not link {unlinked:?}");
}

/// Words of a document that may be names in code.
fn words(text: &str) -> BTreeSet<&str> {
    let is_word = |letter: char| letter.is_ascii_alphanumeric() || "_.*".contains(letter);
    let words = text.split(|letter: char| !is_word(letter));
    words.map(|word| word.trim_matches('.')).collect()
}

/// People copy names out of documents, and a renamed metric leaves its old name behind there.
#[test]
fn documents_name_metrics_that_exist() {
    let mut checked = 0;
    // What has been renamed stays in the list of changes.
    for document in documents()
        .iter()
        .filter(|path| !path.ends_with("CHANGELOG.md"))
    {
        let text = text(document);
        let ours = |word: &&&str| {
            word.starts_with("gitlab_") && !word.starts_with("gitlab_ci_") && !word.contains('*')
        };
        let labels = ["gitlab_instance", "gitlab_metrics_bridge", "gitlab_url"];
        for name in words(&text).iter().filter(ours) {
            let own = ["_bucket", "_count", "_sum"].iter();
            let family = own.filter_map(|end| name.strip_suffix(end));
            let mut spellings = family.chain([*name]);
            let exists = spellings.any(|name| Catalogue::standard().find(name).is_some())
                || labels.contains(name)
                || name.ends_with('_');
            assert!(exists, "{} names {name}", document.display());
            checked += 1;
        }
    }
    assert!(checked > 150, "only {checked} names");
}

/// The same for settings, where a document writes them as code.
#[test]
fn documents_name_settings_that_exist() {
    let settings = text(Path::new("docs/settings.md"));
    let mut checked = 0;
    for document in documents().iter().filter(|path| path.starts_with("docs")) {
        let text = text(document);
        let is_setting = |word: &&&str| {
            let section = word.split_once('.').map(|(section, _)| section);
            let sections = ["metrics", "poll", "state", "webhook", "select", "limits"];
            let is_file = [".md", ".yaml", ".json", ".rs"];
            section.is_some_and(|section| sections.contains(&section))
                && !is_file.iter().any(|end| word.ends_with(end))
        };
        for setting in words(&text).iter().filter(is_setting) {
            let is_known = settings.contains(&format!("`{setting}`"))
                || settings.contains(&format!("`{setting}."));
            assert!(is_known, "{} names {setting}", document.display());
            checked += 1;
        }
    }
    assert!(checked > 60, "only {checked} names");
}

/// The headings as a link names them: in small letters, with dashes for spaces.
fn headings(text: &str) -> BTreeSet<String> {
    let lines = text.lines().filter(|line| line.starts_with('#'));
    let slug = |line: &str| {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        let kept = title
            .chars()
            .filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter));
        kept.collect::<String>().replace(' ', "-")
    };
    lines.map(slug).collect()
}
