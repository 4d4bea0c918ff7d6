//! What GraphQL can be asked about: objects with fields, and the values of those.

use std::borrow::Cow;
use std::cell::Cell;

use super::select::SelectedField;
use crate::simulator::answer::Answer;
use crate::simulator::world::World;
use crate::simulator::world::counts::Viewer;
use crate::simulator::world::project::Project;

/// A thing of one of the schema's types. Only fields that the schema has are asked for.
pub(crate) trait Object<'w> {
    fn field(&self, field: &SelectedField<'_>, context: &Context<'w>) -> FieldResult<'w>;

    /// The project that this is, because the fields of projects can time out.
    fn project(&self) -> Option<&'w Project> {
        None
    }
}

pub(crate) type FieldResult<'w> = Result<FieldValue<'w>, FieldError>;

/// The value of a field, before the fields of an object in it are read.
pub(crate) enum FieldValue<'w> {
    Null,
    Boolean(bool),
    Integer(u64),
    Float(f64),
    Text(Cow<'w, str>),
    Object(Box<dyn Object<'w> + 'w>),
    List(Vec<Box<dyn Object<'w> + 'w>>),
    Texts(Cow<'w, [String]>),
}

/// Why a field has no value.
pub(crate) enum FieldError {
    /// The field is null, and an error says why.
    Message(String),
    /// The whole request is answered with this.
    Request(Box<Answer>),
}

/// Who asks what of which world, and how much of it was read so far.
pub(crate) struct Context<'w> {
    pub(crate) world: &'w World,
    pub(crate) viewer: Viewer,
    /// What the query costs, and what it may cost.
    pub(crate) score: u32,
    pub(crate) limit: u32,
    projects: Cell<usize>,
    counted_projects: Cell<usize>,
    rows: Cell<usize>,
}

impl<'w> Context<'w> {
    pub(crate) fn new(world: &'w World, viewer: Viewer, score: u32, limit: u32) -> Self {
        Context {
            world,
            viewer,
            score,
            limit,
            projects: Cell::new(0),
            counted_projects: Cell::new(0),
            rows: Cell::new(0),
        }
    }

    /// How many projects the answer holds.
    pub(crate) fn projects(&self) -> usize {
        self.projects.get()
    }

    /// Notes that projects are read. Fails where their rows are counted and that takes too long;
    /// all such projects of a request share the time.
    pub(crate) fn read(&self, projects: &[&Project], rows_counted: bool) -> Result<(), FieldError> {
        self.projects.set(self.projects.get() + projects.len());
        if !rows_counted {
            return Ok(());
        }
        let counted = self.counted_projects.get() + projects.len();
        self.counted_projects.set(counted);
        match self.world.slowness.breaks(projects, counted) {
            true => Err(FieldError::Request(Box::new(Answer::page_timed_out()))),
            false => Ok(()),
        }
    }
}

impl Context<'_> {
    /// Notes that so many rows are read. Fails where the rows of a request take too long together.
    pub(crate) fn read_rows(&self, rows: usize) -> Result<(), FieldError> {
        self.rows.set(self.rows.get() + rows);
        match self.world.slowness.too_many_rows(self.rows.get()) {
            true => Err(FieldError::Request(Box::new(Answer::page_timed_out()))),
            false => Ok(()),
        }
    }
}

impl<'w> FieldValue<'w> {
    pub(crate) fn object(object: impl Object<'w> + 'w) -> Self {
        FieldValue::Object(Box::new(object))
    }

    /// An object that not every viewer sees.
    pub(crate) fn object_if(shown: bool, object: impl Object<'w> + 'w) -> Self {
        match shown {
            true => FieldValue::object(object),
            false => FieldValue::Null,
        }
    }

    pub(crate) fn texts(texts: &'w [String]) -> Self {
        FieldValue::Texts(texts.into())
    }

    pub(crate) fn list<T: Object<'w> + 'w>(objects: impl IntoIterator<Item = T>) -> Self {
        let boxed = |object| Box::new(object) as Box<dyn Object<'w> + 'w>;
        FieldValue::List(objects.into_iter().map(boxed).collect())
    }
}

impl From<bool> for FieldValue<'_> {
    fn from(value: bool) -> Self {
        FieldValue::Boolean(value)
    }
}

impl From<u64> for FieldValue<'_> {
    fn from(value: u64) -> Self {
        FieldValue::Integer(value)
    }
}

impl From<f64> for FieldValue<'_> {
    fn from(value: f64) -> Self {
        FieldValue::Float(value)
    }
}

impl<'w> From<&'w str> for FieldValue<'w> {
    fn from(value: &'w str) -> Self {
        FieldValue::Text(value.into())
    }
}

impl From<String> for FieldValue<'_> {
    fn from(value: String) -> Self {
        FieldValue::Text(value.into())
    }
}

impl<'w, T: Into<FieldValue<'w>>> From<Option<T>> for FieldValue<'w> {
    fn from(value: Option<T>) -> Self {
        value.map_or(FieldValue::Null, Into::into)
    }
}
