//! The model's GraphQL schema: what exists in which version, and what it costs.
//!
//! `schema.graphql` is the one table; checking, pricing, introspection and
//! execution all read it.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use graphql_parser::schema::{Definition, Directive, TypeDefinition, Value};

use crate::simulator::world::version::{Profile, Version};

pub(crate) type Type = graphql_parser::schema::Type<'static, String>;

/// What the directives of the schema say about a field or an argument.
#[derive(Debug, Default)]
pub(crate) struct Traits {
    since: Option<Version>,
    until: Option<Version>,
    enterprise: bool,
    /// From which version on it asks Gitaly.
    gitaly: Option<Version>,
    pub(crate) extra_cost: u32,
    /// By how much the field is cheaper where the argument is given.
    pub(crate) bonus: u32,
    /// Whether a page of it costs the same however long it is.
    pub(crate) plain: bool,
    /// Of how many objects it can be asked in one request.
    pub(crate) calls: Option<u64>,
    pub(crate) unmodelled: bool,
}

#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) arguments: Vec<Argument>,
    pub(crate) returns: Type,
    pub(crate) traits: Traits,
}

#[derive(Debug)]
pub(crate) struct Argument {
    pub(crate) name: String,
    pub(crate) accepts: Type,
    pub(crate) has_default: bool,
    pub(crate) traits: Traits,
}

#[derive(Debug)]
pub(crate) struct Schema {
    objects: BTreeMap<String, (Traits, Vec<Field>)>,
    enums: BTreeMap<String, Vec<(String, Traits)>>,
}

/// The parsed schema, shared by all models of a process.
pub(crate) static SCHEMA: LazyLock<Schema> =
    LazyLock::new(|| Schema::parse(include_str!("schema.graphql")));

impl Schema {
    fn parse(text: &'static str) -> Schema {
        // The text is part of the program, so the first test to run proves that it parses.
        let document = graphql_parser::parse_schema::<String>(text).expect("schema.graphql parses");
        let mut schema = Schema {
            objects: BTreeMap::new(),
            enums: BTreeMap::new(),
        };
        for definition in document.definitions {
            match definition {
                Definition::TypeDefinition(TypeDefinition::Object(object)) => {
                    let traits = Traits::read(&object.directives);
                    let fields = object.fields.into_iter().map(Field::read).collect();
                    schema.objects.insert(object.name, (traits, fields));
                }
                Definition::TypeDefinition(TypeDefinition::Enum(kind)) => {
                    let values = kind.values.into_iter();
                    let values = values.map(|value| (value.name, Traits::read(&value.directives)));
                    let values = values.collect();
                    schema.enums.insert(kind.name, values);
                }
                _ => {}
            }
        }
        schema
    }

    /// The field of a type, if this GitLab has it.
    pub(crate) fn field(&self, profile: &Profile, kind: &str, name: &str) -> Option<&Field> {
        let field = self.any_field(kind, name)?;
        let removed = profile
            .removed
            .contains(&(kind.to_owned(), name.to_owned()));
        (field.traits.exists_in(profile) && !removed).then_some(field)
    }

    /// The field of a type in whichever version has it.
    pub(crate) fn any_field(&self, kind: &str, name: &str) -> Option<&Field> {
        let (_, fields) = self.objects.get(kind)?;
        fields.iter().find(|field| field.name == name)
    }

    /// The fields of a type in this GitLab; `None` when it has no such type.
    pub(crate) fn fields(&self, profile: &Profile, kind: &str) -> Option<Vec<&Field>> {
        let (traits, fields) = self.objects.get(kind)?;
        traits.exists_in(profile).then(|| {
            fields
                .iter()
                .filter(|field| !field.name.starts_with("__"))
                .filter(|field| self.field(profile, kind, &field.name).is_some())
                .collect()
        })
    }

    /// Whether the name is that of a type with fields.
    pub(crate) fn is_object(&self, name: &str) -> bool {
        self.objects.contains_key(name)
    }

    /// Whether the name is that of an enumeration.
    pub(crate) fn is_enum(&self, name: &str) -> bool {
        self.enums.contains_key(name)
    }

    /// The values of an enumeration in this GitLab; `None` for what is none.
    pub(crate) fn values(&self, profile: &Profile, kind: &str) -> Option<Vec<&str>> {
        let values = self.enums.get(kind)?.iter();
        let there = values.filter(|(_, traits)| traits.exists_in(profile));
        Some(there.map(|(name, _)| name.as_str()).collect())
    }

    /// Whether this GitLab takes the value for the type; any will do where the model knows none.
    pub(crate) fn is_value(&self, profile: &Profile, kind: &str, value: &str) -> bool {
        let Some(values) = self.enums.get(kind) else {
            return true;
        };
        let known = values.iter().find(|(name, _)| name == value);
        known.is_some_and(|(_, traits)| traits.exists_in(profile))
    }
}

impl Field {
    fn read(field: graphql_parser::schema::Field<'static, String>) -> Field {
        Field {
            name: field.name,
            returns: field.field_type,
            traits: Traits::read(&field.directives),
            arguments: field
                .arguments
                .into_iter()
                .map(|argument| Argument {
                    name: argument.name,
                    accepts: argument.value_type,
                    has_default: !matches!(argument.default_value, None | Some(Value::Null)),
                    traits: Traits::read(&argument.directives),
                })
                .collect(),
        }
    }

    /// The argument of that name, if this GitLab accepts it.
    pub(crate) fn argument<'f>(&'f self, profile: &Profile, name: &str) -> Option<&'f Argument> {
        self.accepted_arguments(profile)
            .find(|argument| argument.name == name)
    }

    /// All arguments that this GitLab accepts.
    pub(crate) fn accepted_arguments<'f, 'p>(
        &'f self,
        profile: &'p Profile,
    ) -> impl Iterator<Item = &'f Argument> + use<'f, 'p> {
        self.arguments
            .iter()
            .filter(|argument| argument.traits.exists_in(profile))
    }

    /// The name of the type of its value.
    pub(crate) fn returns_name(&self) -> &str {
        type_name(&self.returns)
    }

    /// Whether GitLab may answer null without failing what is around it.
    pub(crate) fn may_be_null(&self) -> bool {
        !matches!(self.returns, Type::NonNullType(_))
    }

    /// Whether the field is a page of things.
    pub(crate) fn is_connection(&self) -> bool {
        self.returns_name().ends_with("Connection")
    }
}

impl Traits {
    fn read(directives: &[Directive<'static, String>]) -> Traits {
        let mut traits = Traits::default();
        for directive in directives {
            let value = directive.arguments.first().map(|(_, value)| value);
            match (directive.name.as_str(), value) {
                ("since", Some(Value::String(version))) => traits.since = Version::parse(version),
                ("until", Some(Value::String(version))) => traits.until = Version::parse(version),
                ("extra", Some(Value::Int(cost))) => {
                    traits.extra_cost = cost.as_i64().unwrap_or(0) as u32;
                }
                ("calls", Some(Value::Int(limit))) => {
                    traits.calls = limit.as_i64().map(|limit| limit as u64);
                }
                ("enterprise", _) => traits.enterprise = true,
                ("bonus", Some(Value::Int(cost))) => {
                    traits.bonus = cost.as_i64().unwrap_or(0) as u32;
                }
                ("gitaly", Some(Value::String(since))) => traits.gitaly = Version::parse(since),
                ("gitaly", _) => traits.gitaly = Some(Version::V16_0),
                ("plain", _) => traits.plain = true,
                ("unmodelled", _) => traits.unmodelled = true,
                _ => {}
            }
        }
        traits
    }

    pub(crate) fn asks_gitaly(&self, version: Version) -> bool {
        self.gitaly.is_some_and(|since| since <= version)
    }

    fn exists_in(&self, profile: &Profile) -> bool {
        self.since.is_none_or(|since| since <= profile.version)
            && self.until.is_none_or(|until| profile.version < until)
            && !(self.enterprise && profile.community_edition)
    }
}

/// The name inside lists and exclamation marks.
pub(crate) fn type_name(kind: &Type) -> &str {
    match kind {
        Type::NamedType(name) => name,
        Type::ListType(inner) | Type::NonNullType(inner) => type_name(inner),
    }
}
