//! Reads what a query selects and writes it as JSON.

use std::collections::HashMap;

use fastrand::Rng;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::object::{Context, FieldError, FieldResult, FieldValue, Object};
use super::schema::{self, SCHEMA};
use super::select::SelectedField;
use super::validate::location;
use crate::simulator::answer::Answer;

/// How often a field that can time out does, in an answer that is to lose some: one in so many.
const ONE_IN: u32 = 4;

/// The body that answers the fields that are selected on `Query`.
///
/// With `timeouts`, some fields of some projects time out.
///
/// # Errors
/// The answer in place of the body, where the whole request fails.
pub(super) fn execute<'w>(
    context: &Context<'w>,
    query: &dyn Object<'w>,
    fields: &[SelectedField<'_>],
    timeouts: Option<Rng>,
    calls: &mut Calls,
) -> Result<Vec<u8>, Box<Answer>> {
    let mut execution = Execution {
        context,
        timeouts,
        json: Vec::new(),
        path: Vec::new(),
        calls,
        errors: Vec::new(),
    };
    execution.json.extend(b"{\"data\":");
    execution.object("Query", query, fields)?;
    if !execution.errors.is_empty() {
        execution.json.extend(b",\"errors\":");
        execution
            .json
            .extend(Value::from(execution.errors).to_string().as_bytes());
    }
    execution.json.push(b'}');
    Ok(execution.json)
}

/// How often the fields were asked for that can be asked only so often in one query text.
pub(super) type Calls = HashMap<*const schema::Field, u64>;

struct Execution<'e, 'w> {
    context: &'e Context<'w>,
    /// Decides which fields time out, where some are to.
    timeouts: Option<Rng>,
    json: Vec<u8>,
    path: Vec<Segment<'e>>,
    calls: &'e mut Calls,
    errors: Vec<Value>,
}

/// A step of the path to a field in the answer.
#[derive(Clone, Copy)]
enum Segment<'e> {
    Key(&'e str),
    Index(usize),
}

impl<'e, 'w> Execution<'e, 'w> {
    fn object(
        &mut self,
        kind: &str,
        object: &dyn Object<'w>,
        fields: &'e [SelectedField<'_>],
    ) -> Result<(), Box<Answer>> {
        self.json.push(b'{');
        for (index, field) in fields.iter().enumerate() {
            if index > 0 {
                self.json.push(b',');
            }
            self.write(field.key);
            self.json.push(b':');
            self.path.push(Segment::Key(field.key));
            self.field(kind, object, field)?;
            self.path.pop();
        }
        self.json.push(b'}');
        Ok(())
    }

    fn field(
        &mut self,
        kind: &str,
        object: &dyn Object<'w>,
        field: &'e SelectedField<'_>,
    ) -> Result<(), Box<Answer>> {
        match self.value(kind, object, field) {
            Ok(FieldValue::Object(object)) => {
                return self.object(field.returns(), &*object, &field.fields);
            }
            Ok(FieldValue::List(objects)) => return self.list(&objects, field),
            Ok(FieldValue::Null) => self.json.extend(b"null"),
            Ok(FieldValue::Boolean(value)) => self.write(&value),
            Ok(FieldValue::Integer(value)) => self.write(&value),
            // GitLab writes floats as `223.0`, and so does this.
            Ok(FieldValue::Float(value)) => self.write(&value),
            Ok(FieldValue::Text(value)) => self.write(&*value),
            Ok(FieldValue::Texts(values)) => self.write(&values),
            Err(FieldError::Request(answer)) => return Err(answer),
            Err(FieldError::Message(message)) => {
                self.json.extend(b"null");
                self.error(&message, field);
            }
        }
        Ok(())
    }

    fn list(
        &mut self,
        objects: &[Box<dyn Object<'w> + 'w>],
        field: &'e SelectedField<'_>,
    ) -> Result<(), Box<Answer>> {
        self.json.push(b'[');
        for (index, object) in objects.iter().enumerate() {
            if index > 0 {
                self.json.push(b',');
            }
            self.path.push(Segment::Index(index));
            self.object(field.returns(), &**object, &field.fields)?;
            self.path.pop();
        }
        self.json.push(b']');
        Ok(())
    }

    fn value(
        &mut self,
        kind: &str,
        object: &dyn Object<'w>,
        field: &SelectedField<'_>,
    ) -> FieldResult<'w> {
        // The checks have seen every field, so the schema knows all but `__typename`.
        let Some(known) = field.known else {
            return Ok(kind.to_owned().into());
        };
        if let Some(message) = unmodelled(known, &field.arguments) {
            return Err(FieldError::Message(message));
        }
        if let Some(limit) = known.traits.calls {
            let calls = self.calls.entry(known).or_default();
            *calls += 1;
            if *calls > limit {
                let name = field.name;
                let message = format!(
                    "\"{name}\" field can be requested only for {limit} {kind}(s) at a time."
                );
                return Err(FieldError::Message(message));
            }
        }
        if let Some(project) = object.project() {
            let slow = self
                .context
                .world
                .slowness
                .times_out(project.id, field.name);
            if slow || self.times_out(known) {
                let message = format!("Timeout on Project.{}", field.name);
                return Err(FieldError::Message(message));
            }
        }
        object.field(field, self.context)
    }

    /// Whether a field of a project is one of those that an answer is to lose.
    fn times_out(&mut self, known: &schema::Field) -> bool {
        let asks_the_database = SCHEMA.is_object(known.returns_name()) && known.may_be_null();
        let random = self.timeouts.as_mut();
        random.is_some_and(|random| asks_the_database && random.u32(0..ONE_IN) == 0)
    }

    fn error(&mut self, message: &str, field: &SelectedField<'_>) {
        let path = self.path.iter().map(|segment| match segment {
            Segment::Key(key) => Value::from(*key),
            Segment::Index(index) => Value::from(*index),
        });
        let path: Value = path.collect();
        let locations = [location(field.position)];
        let error = json!({ "message": message, "locations": locations, "path": path });
        self.errors.push(error);
    }

    fn write(&mut self, value: &(impl Serialize + ?Sized)) {
        // Neither a vector nor a number or a text can fail to be written.
        let _ = serde_json::to_writer(&mut self.json, value);
    }
}

/// Why the model answers null and an error, where the schema says that it does.
fn unmodelled(known: &schema::Field, arguments: &Map<String, Value>) -> Option<String> {
    let name = &known.name;
    if known.traits.unmodelled {
        return Some(format!("The model does not answer '{name}'"));
    }
    let used = |argument: &&schema::Argument| {
        let value = arguments.get(&argument.name);
        argument.traits.unmodelled && value.is_some_and(|value| !value.is_null() && *value != false)
    };
    let argument = known.arguments.iter().find(used)?;
    let argument = &argument.name;
    Some(format!("The model does not answer '{name}({argument}:)'"))
}
