//! What lies beside the projects: the GitLab itself, groups and runners. Each is asked at a pace of its
//! own, by requests of its own; one that fails leaves the others alone.

mod asking;
mod groups;
mod instance;
mod listing;
mod runner;
mod runners;
mod state;

pub use state::{Estate, EstateAsk};
