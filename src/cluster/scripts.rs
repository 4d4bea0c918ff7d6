//! The scripts that run in the engine: each is one step that nothing else comes between.

use redis::Script;

/// A script in which a replica says which version it holds.
macro_rules! saying {
    ($script:literal) => {
        concat!(include_str!("scripts/words.lua"), include_str!($script))
    };
}

/// The scripts that run in the engine.
pub(super) struct Scripts {
    pub contend: Script,
    pub renew: Script,
    pub take: Script,
    pub publish: Script,
    pub drain: Script,
    pub resign: Script,
    pub seen: Script,
    pub hint: Script,
}

impl Scripts {
    pub(super) fn new() -> Scripts {
        Scripts::changed(str::to_owned)
    }

    /// The scripts as a change makes them of their texts: a test takes something out of them.
    pub(super) fn changed(change: fn(&str) -> String) -> Scripts {
        let script = |text: &str| Script::new(&change(text));
        Scripts {
            contend: script(saying!("scripts/contend.lua")),
            renew: script(include_str!("scripts/renew.lua")),
            take: script(include_str!("scripts/take.lua")),
            publish: script(include_str!("scripts/publish.lua")),
            drain: script(include_str!("scripts/drain.lua")),
            resign: script(include_str!("scripts/resign.lua")),
            seen: script(saying!("scripts/seen.lua")),
            hint: script(include_str!("scripts/hint.lua")),
        }
    }
}
