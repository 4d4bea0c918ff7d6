//! Reads Rust files the way the compiler does: modules, what each imports, and how long functions are.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{
    Attribute, File, ImplItemFn, Item, ItemFn, ItemMod, ItemUse, Macro, TraitItemFn, UseTree,
    Visibility,
};

/// A module by its names from the top of the crate on: `["poll", "schedule"]`.
type Module = Vec<String>;

/// All files below `src`, and who imports whom.
pub struct Tree {
    pub sources: Vec<Source>,
}

/// One file.
pub struct Source {
    /// From `src` on, such as `poll/mod.rs`.
    pub path: String,
    /// The folder or file directly below `src`.
    pub part: String,
    pub text: String,
    /// The files whose items it names, itself left out. Its tests do not count.
    pub imports: BTreeSet<String>,
    /// The first names of paths that lead out of the crate, libraries among them.
    pub libraries: BTreeSet<String>,
}

/// A function or method, tests included.
#[derive(Clone, Debug)]
pub struct Function {
    /// Its file and its own name, such as `src/main.rs main`.
    pub name: String,
    /// From the first line of its signature to its closing brace.
    pub lines: usize,
}

impl Tree {
    pub fn read() -> Tree {
        let root = root().join("src");
        let files: Vec<_> = rust_files(&root)
            .into_iter()
            .map(|path| Parsed::read(&root, &path))
            .filter(|parsed| !parsed.is_test())
            .collect();
        let modules: BTreeMap<&Module, &Parsed> = files
            .iter()
            .map(|parsed| (&parsed.module, parsed))
            .collect();
        let sources = files.iter().map(|parsed| parsed.source(&modules));
        Tree {
            sources: sources.collect(),
        }
    }

    /// Groups of files of which each leads to each other one.
    pub fn circles(&self) -> Vec<Vec<&str>> {
        let imports: BTreeMap<&str, &BTreeSet<String>> = self
            .sources
            .iter()
            .map(|source| (source.path.as_str(), &source.imports))
            .collect();
        let reached: BTreeMap<&str, BTreeSet<&str>> = imports
            .keys()
            .map(|&start| {
                let mut reached = BTreeSet::new();
                let mut next = vec![start];
                while let Some(path) = next.pop() {
                    for import in imports[path] {
                        if reached.insert(import.as_str()) {
                            next.push(import);
                        }
                    }
                }
                (start, reached)
            })
            .collect();
        let mut circles = BTreeSet::new();
        for (start, from_here) in &reached {
            let circle: Vec<&str> = from_here
                .iter()
                .copied()
                .filter(|other| reached[other].contains(start))
                .collect();
            if circle.len() > 1 {
                circles.insert(circle);
            }
        }
        circles.into_iter().collect()
    }

    /// A circle with the imports that make it.
    pub fn explain(&self, circle: &[&str]) -> String {
        let mut text = String::from("a circle:");
        for source in &self.sources {
            let imports = source.imports.iter().map(String::as_str);
            let within: Vec<_> = imports.filter(|path| circle.contains(path)).collect();
            if circle.contains(&source.path.as_str()) {
                text += &format!("\n  {} imports {}", source.path, within.join(", "));
            }
        }
        text
    }
}

/// The folder or file directly below `src` that a path from there leads to.
pub fn part(path: &str) -> &str {
    let first = path.split('/').next().unwrap();
    first.strip_suffix(".rs").unwrap_or(first)
}

/// The libraries in `[dependencies]`, as the code names them.
pub fn dependencies() -> BTreeSet<String> {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let lines = manifest
        .lines()
        .skip_while(|line| *line != "[dependencies]")
        .skip(1);
    let lines = lines.take_while(|line| !line.starts_with('['));
    let names = lines.filter_map(|line| line.split_once(" = "));
    names.map(|(name, _)| name.replace('-', "_")).collect()
}

/// The functions of all files below a folder of this repository.
pub fn functions(folder: &str) -> Vec<Function> {
    let root = root().join(folder);
    let mut functions = Vec::new();
    for path in rust_files(&root) {
        let parsed = Parsed::read(&root, &path);
        let mut finder = Functions {
            file: format!("{folder}/{}", parsed.path),
            functions: &mut functions,
        };
        finder.visit_file(&parsed.file);
    }
    functions
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// A file as the compiler sees it.
struct Parsed {
    path: String,
    module: Module,
    text: String,
    file: File,
    /// What its `use` items bring into scope.
    uses: Vec<Use>,
}

/// One name that a `use` item brings into scope; a glob brings `*`.
struct Use {
    name: String,
    path: Vec<String>,
    public: bool,
}

impl Parsed {
    fn read(root: &Path, path: &Path) -> Parsed {
        let text = fs::read_to_string(path).unwrap();
        let file =
            syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let below = path.strip_prefix(root).unwrap();
        let mut module: Module = below
            .with_extension("")
            .iter()
            .map(|name| name.to_str().unwrap().to_owned())
            .collect();
        if ["mod", "lib"].contains(&module.last().unwrap().as_str()) {
            module.pop();
        }
        let mut uses = Vec::new();
        for item in production(&file.items) {
            if let Item::Use(item) = item {
                flatten(
                    &item.tree,
                    &mut Vec::new(),
                    !matches!(item.vis, Visibility::Inherited),
                    &mut uses,
                );
            }
        }
        Parsed {
            path: below.to_str().unwrap().to_owned(),
            module,
            text,
            file,
            uses,
        }
    }

    /// Whether it is compiled for tests alone.
    fn is_test(&self) -> bool {
        self.module.iter().any(|name| name == "tests")
    }

    fn source(&self, modules: &BTreeMap<&Module, &Parsed>) -> Source {
        let mut names = Names::default();
        for item in production(&self.file.items) {
            names.visit_item(item);
        }
        let mut paths: BTreeSet<Vec<String>> = names.paths;
        // What is only handed on is not used here.
        let used = self
            .uses
            .iter()
            .filter(|import| !import.public || paths.iter().any(|path| path[0] == import.name));
        let used: Vec<_> = used.map(|import| import.path.clone()).collect();
        paths.extend(used);
        let mut imports = BTreeSet::new();
        let mut libraries = BTreeSet::new();
        for path in &paths {
            match self.absolute(path, modules) {
                Some(path) => imports.extend(home(&path, modules, 0)),
                None => {
                    if path.len() > 1 {
                        libraries.insert(path[0].clone());
                    }
                }
            }
        }
        imports.remove(&self.path);
        Source {
            path: self.path.clone(),
            part: part(&self.path).to_owned(),
            text: self.text.clone(),
            imports,
            libraries,
        }
    }

    /// A path from the top of our crate on; none if it leads out of it.
    fn absolute(
        &self,
        path: &[String],
        modules: &BTreeMap<&Module, &Parsed>,
    ) -> Option<Vec<String>> {
        let mut module = self.module.clone();
        let mut rest = path;
        let below = |name: &String| {
            let mut child = self.module.clone();
            child.push(name.clone());
            modules.contains_key(&child)
        };
        match path[0].as_str() {
            "crate" | "gitlab_metrics_bridge" => {
                module.clear();
                rest = &path[1..];
            }
            "self" => rest = &path[1..],
            "super" => {
                while rest.first().is_some_and(|name| name == "super") {
                    module.pop();
                    rest = &rest[1..];
                }
            }
            // One word alone is an item or a variable, which may be called like a file.
            _ if path.len() > 1 && below(&path[0]) => {}
            _ => return None,
        }
        module.extend(rest.iter().cloned());
        Some(module)
    }
}

/// The file that a path leads to, through re-exports to where the item is written.
fn home(path: &[String], modules: &BTreeMap<&Module, &Parsed>, depth: usize) -> Option<String> {
    assert!(depth < 20, "{path:?} is re-exported in a circle");
    let module = (0..=path.len()).rev().find_map(|length| {
        modules
            .get(&path[..length].to_vec())
            .map(|parsed| (length, parsed))
    });
    let (length, parsed) = module?;
    let Some(name) = path.get(length) else {
        return Some(parsed.path.clone());
    };
    let follow = |path: &Vec<String>| home(&parsed.absolute(path, modules)?, modules, depth + 1);
    let named = parsed.uses.iter().find(|import| import.name == *name);
    match named {
        Some(import) => follow(&import.path).or(Some(parsed.path.clone())),
        None => Some(parsed.path.clone()),
    }
}

/// What is compiled outside of tests.
fn production(items: &[Item]) -> impl Iterator<Item = &Item> {
    items.iter().filter(|item| match item {
        Item::Mod(item) => !for_tests(&item.attrs),
        Item::Use(item) => !for_tests(&item.attrs),
        Item::Fn(item) => !for_tests(&item.attrs),
        Item::Impl(item) => !for_tests(&item.attrs),
        _ => true,
    })
}

fn for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let tokens = |list: &syn::MetaList| list.tokens.to_string();
        attribute.path().is_ident("cfg")
            && attribute
                .meta
                .require_list()
                .is_ok_and(|list| tokens(list) == "test")
    })
}

fn flatten(tree: &UseTree, before: &mut Vec<String>, public: bool, found: &mut Vec<Use>) {
    let mut found_as = |name: String, path: Vec<String>| found.push(Use { name, path, public });
    match tree {
        UseTree::Path(path) => {
            before.push(path.ident.to_string());
            flatten(&path.tree, before, public, found);
            before.pop();
        }
        UseTree::Group(group) => {
            for tree in &group.items {
                flatten(tree, before, public, found);
            }
        }
        UseTree::Name(name) if name.ident == "self" => {
            found_as(before.last().unwrap().clone(), before.clone());
        }
        UseTree::Name(name) => {
            let name = name.ident.to_string();
            found_as(name.clone(), [before.as_slice(), &[name]].concat());
        }
        UseTree::Rename(rename) => {
            let path = [before.as_slice(), &[rename.ident.to_string()]].concat();
            found_as(rename.rename.to_string(), path);
        }
        UseTree::Glob(_) => found_as("*".to_owned(), before.clone()),
    }
}

/// The paths in a piece of code, its macros included.
#[derive(Default)]
struct Names {
    paths: BTreeSet<Vec<String>>,
}

impl Visit<'_> for Names {
    fn visit_item_use(&mut self, _: &ItemUse) {}

    fn visit_item_mod(&mut self, module: &ItemMod) {
        if !for_tests(&module.attrs) {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_path(&mut self, path: &syn::Path) {
        let names = path
            .segments
            .iter()
            .map(|segment| segment.ident.to_string());
        self.paths.insert(names.collect());
        visit::visit_path(self, path);
    }

    /// `pub(super)` names no item.
    fn visit_visibility(&mut self, _: &Visibility) {}

    fn visit_macro(&mut self, called: &Macro) {
        self.visit_path(&called.path);
        self.tokens(called.tokens.clone());
    }
}

impl Names {
    /// Paths among the words of a macro: names with two colons between them.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(name) => {
                    if colons != 2 {
                        self.end(&mut path);
                    }
                    path.push(name.to_string());
                    colons = 0;
                    continue;
                }
                TokenTree::Punct(mark) if mark.as_char() == ':' => {
                    colons += 1;
                    continue;
                }
                TokenTree::Group(group) => self.tokens(group.stream()),
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
            colons = 0;
            self.end(&mut path);
        }
        self.end(&mut path);
    }

    fn end(&mut self, path: &mut Vec<String>) {
        if !path.is_empty() {
            self.paths.insert(std::mem::take(path));
        }
    }
}

struct Functions<'a> {
    file: String,
    functions: &'a mut Vec<Function>,
}

impl Functions<'_> {
    fn add(&mut self, signature: &syn::Signature, whole: proc_macro2::Span) {
        let lines = whole.end().line - signature.span().start().line + 1;
        self.functions.push(Function {
            name: format!("{} {}", self.file, signature.ident),
            lines,
        });
    }
}

impl Visit<'_> for Functions<'_> {
    fn visit_item_fn(&mut self, function: &ItemFn) {
        self.add(&function.sig, function.span());
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &ImplItemFn) {
        self.add(&function.sig, function.span());
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &TraitItemFn) {
        self.add(&function.sig, function.span());
        visit::visit_trait_item_fn(self, function);
    }
}
