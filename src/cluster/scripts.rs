//! The scripts that run in the engine: each is one step that nothing else comes between.

use redis::Script;

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
            contend: script(include_str!("scripts/contend.lua")),
            renew: script(include_str!("scripts/renew.lua")),
            take: script(include_str!("scripts/take.lua")),
            publish: script(include_str!("scripts/publish.lua")),
            drain: script(include_str!("scripts/drain.lua")),
            resign: script(include_str!("scripts/resign.lua")),
            seen: script(include_str!("scripts/seen.lua")),
            hint: script(include_str!("scripts/hint.lua")),
        }
    }
}
