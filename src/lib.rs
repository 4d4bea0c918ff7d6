//! The bridge from GitLab to OpenTelemetry: see the folders for the four ideas.

pub mod demo;
