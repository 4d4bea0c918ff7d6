//! The schema as a part of itself: what `__type` tells of a type.

use super::object::{Context, FieldResult, FieldValue, Object};
use super::schema::{self, SCHEMA, Type};
use super::select::SelectedField;
use crate::simulator::world::version::Profile;

/// The type of that name, if this GitLab has it.
pub(crate) fn described<'w>(name: &str, profile: &Profile) -> FieldValue<'w> {
    let exists = SCHEMA.fields(profile, name).is_some() || SCHEMA.is_enum(name);
    FieldValue::object_if(exists, Described(name.to_owned()))
}

/// A type with fields.
struct Described(String);

/// A value of an enumeration.
struct EnumValue(&'static str);

impl<'w> Object<'w> for EnumValue {
    fn field(&self, field: &SelectedField<'_>, _: &Context<'w>) -> FieldResult<'w> {
        Ok(match field.name {
            "name" => self.0.into(),
            _ => FieldValue::Null,
        })
    }
}

/// A type where it is used: maybe in a list, or never null.
struct Reference(&'static Type);

impl<'w> Object<'w> for Described {
    fn field(&self, field: &SelectedField<'_>, context: &Context<'w>) -> FieldResult<'w> {
        Ok(match field.name {
            "name" => self.0.clone().into(),
            "kind" if SCHEMA.is_enum(&self.0) => "ENUM".into(),
            "kind" => "OBJECT".into(),
            "enumValues" => match SCHEMA.values(&context.world.profile, &self.0) {
                Some(values) => FieldValue::list(values.into_iter().map(EnumValue)),
                None => FieldValue::Null,
            },
            "fields" => {
                let fields = SCHEMA.fields(&context.world.profile, &self.0);
                fields.map_or(FieldValue::Null, FieldValue::list)
            }
            _ => FieldValue::Null,
        })
    }
}

impl<'w> Object<'w> for Reference {
    fn field(&self, field: &SelectedField<'_>, _: &Context<'w>) -> FieldResult<'w> {
        Ok(match (field.name, self.0) {
            ("name", Type::NamedType(name)) => name.as_str().into(),
            ("kind", kind) => kind_word(kind).into(),
            ("ofType", Type::ListType(inner) | Type::NonNullType(inner)) => {
                FieldValue::object(Reference(inner))
            }
            _ => FieldValue::Null,
        })
    }
}

impl<'w> Object<'w> for &'static schema::Field {
    fn field(&self, field: &SelectedField<'_>, context: &Context<'w>) -> FieldResult<'w> {
        let profile = &context.world.profile;
        Ok(match field.name {
            "name" => self.name.as_str().into(),
            "type" => FieldValue::object(Reference(&self.returns)),
            _ => FieldValue::list(self.accepted_arguments(profile)),
        })
    }
}

impl<'w> Object<'w> for &'static schema::Argument {
    fn field(&self, field: &SelectedField<'_>, _: &Context<'w>) -> FieldResult<'w> {
        Ok(match field.name {
            "name" => self.name.as_str().into(),
            _ => FieldValue::object(Reference(&self.accepts)),
        })
    }
}

fn kind_word(kind: &Type) -> &'static str {
    match kind {
        Type::ListType(_) => "LIST",
        Type::NonNullType(_) => "NON_NULL",
        Type::NamedType(name) if SCHEMA.is_object(name) => "OBJECT",
        Type::NamedType(name) if SCHEMA.is_enum(name) => "ENUM",
        Type::NamedType(_) => "SCALAR",
    }
}
