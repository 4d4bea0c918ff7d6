//! The times among GraphQL's arguments, such as `updatedAfter` and `createdBefore`.

use jiff::Timestamp;

use crate::simulator::graphql::object::FieldError;
use crate::simulator::graphql::select::SelectedField;
use crate::simulator::world::issuables::Span;

pub(super) fn updated_after(field: &SelectedField<'_>) -> Result<Option<Timestamp>, FieldError> {
    time(field, "updatedAfter")
}

pub(super) fn time(
    field: &SelectedField<'_>,
    argument: &str,
) -> Result<Option<Timestamp>, FieldError> {
    let time = field.text(argument).map(str::parse);
    let invalid = |_| FieldError::Message(format!("Argument '{argument}' is no time"));
    time.transpose().map_err(invalid)
}

/// What `createdAfter` and `createdBefore` ask for together, or those of another time.
pub(super) fn span(field: &SelectedField<'_>, name: &str) -> Result<Span, FieldError> {
    Ok(Span {
        from: time(field, &format!("{name}After"))?,
        to: time(field, &format!("{name}Before"))?,
    })
}

/// A count of what changed, or an error where that was too long ago to be remembered.
pub(super) fn remembered(count: Option<u64>) -> Result<u64, FieldError> {
    let message = "The model does not remember so many changes";
    count.ok_or_else(|| FieldError::Message(message.to_owned()))
}
