//! Counting only what changed since a time: GraphQL's argument `updatedAfter`.

use jiff::Timestamp;

use crate::simulator::graphql::object::FieldError;
use crate::simulator::graphql::select::SelectedField;

pub(super) fn updated_after(field: &SelectedField<'_>) -> Result<Option<Timestamp>, FieldError> {
    let since = field.text("updatedAfter").map(str::parse);
    let invalid = |_| FieldError::Message("Argument 'updatedAfter' is no time".to_owned());
    since.transpose().map_err(invalid)
}

/// A count of what changed, or an error where that was too long ago to be remembered.
pub(super) fn remembered(count: Option<u64>) -> Result<u64, FieldError> {
    let message = "The model does not remember so many changes";
    count.ok_or_else(|| FieldError::Message(message.to_owned()))
}
