//! Where a series belongs: the same at every bridge, in every version and process, so that several bridges can
//! serve the shards of one exposition.
//!
//! Who a series is about hashes to a block, and a block goes to the shard for which it scores highest
//! (rendezvous hashing). One more shard takes its part of every other one, and nothing moves between those.

use super::super::entries::labels;

/// Blocks. With 1,024 of them the shares of four shards would be 5 % apart; with these it is 1 %.
const BLOCKS: u64 = 1 << 14;
/// The labels that say who a series is about. The first one that it has decides.
const OWNERS: [&[u8]; 4] = [b"project_id", b"group_id", b"runner_id", b"project"];
/// The owners that are projects. Under the names of other exporters a project goes by its path.
const PROJECTS: [&[u8]; 2] = [OWNERS[0], OWNERS[3]];
/// Tells the owners of several GitLabs apart.
const INSTANCE: &[u8] = b"gitlab_instance";

/// Who a series is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner<'a> {
    label: &'static [u8],
    value: &'a [u8],
    /// The name of the GitLab; empty where there is only one.
    pub instance: &'a [u8],
}

/// The shard of each block.
pub struct Placement(Box<[u8]>);

impl<'a> Owner<'a> {
    /// The owner of a series; none if it is about a GitLab as a whole.
    pub fn of(entry: &'a [u8]) -> Option<Owner<'a>> {
        let mut found: [Option<&[u8]>; OWNERS.len()] = [None; OWNERS.len()];
        let mut instance: &[u8] = b"";
        for (name, value) in labels(entry) {
            if name == INSTANCE {
                instance = value;
            } else if let Some(place) = OWNERS.iter().position(|own| *own == name) {
                found[place] = Some(value);
            }
        }
        let mut owners = OWNERS.iter().zip(found);
        owners.find_map(|(label, value)| {
            let value = value.filter(|value| !value.is_empty())?;
            Some(Owner {
                label,
                value,
                instance,
            })
        })
    }

    /// What tells a project from all others of its GitLab; none if it is no project.
    pub fn project(&self) -> Option<u64> {
        let is_project = PROJECTS.contains(&self.label);
        let id = std::str::from_utf8(self.value).ok()?.parse().ok();
        is_project.then(|| id.unwrap_or_else(|| hash(&[self.value])))
    }

    fn block(&self) -> u64 {
        hash(&[self.label, self.value, self.instance]) % BLOCKS
    }
}

impl Placement {
    pub fn among(shards: u8) -> Placement {
        let best = |block: u64| {
            let score = |shard: &u8| mixed(block << 8 | u64::from(*shard));
            (0..shards).max_by_key(score).unwrap_or_default()
        };
        Placement((0..BLOCKS).map(best).collect())
    }

    /// The place of the shard that a series of this owner belongs to.
    pub fn shard(&self, owner: Option<&Owner<'_>>) -> usize {
        owner.map_or(0, |owner| usize::from(self.0[owner.block() as usize]))
    }
}

/// FNV-1a of some texts behind each other, mixed: its lower bits alone say little of the first letters.
fn hash(texts: &[&[u8]]) -> u64 {
    let bytes = texts.iter().flat_map(|text| text.iter().chain(&[0]));
    mixed(bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    }))
}

/// The end of SplitMix64: each bit of a number changes half of the bits.
fn mixed(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(placement: &Placement, line: &str) -> usize {
        placement.shard(Owner::of(line.as_bytes()).as_ref())
    }

    fn of_projects(shards: u8) -> Vec<usize> {
        let placement = Placement::among(shards);
        let lines = (0..100_000).map(|id| format!("m{{project_id=\"{id}\"}} 1\n"));
        lines.map(|line| shard(&placement, &line)).collect()
    }

    /// Bridges of other versions serve other shards of the same exposition.
    #[test]
    fn where_a_series_belongs_never_changes() {
        let placement = Placement::among(5);
        let lines = [
            "m{project_id=\"1\"} 1",
            "m{project_id=\"2\"} 1",
            "m{gitlab_instance=\"com\",project_id=\"2\"} 1",
            "m{group_id=\"2\"} 1",
            "m{runner_id=\"2\"} 1",
            "m{project=\"group/a\"} 1",
        ];
        let places = lines.map(|line| shard(&placement, line));
        // Computed apart from this code.
        assert_eq!(places, [2, 3, 0, 3, 2, 4]);
    }

    #[test]
    fn a_series_goes_by_its_project_before_anything_else_and_without_an_owner_to_the_first() {
        let placement = Placement::among(64);
        let own = shard(&placement, "m{project_id=\"7\"} 1");
        for line in [
            "n{project_id=\"7\"} 2",
            "m_bucket{group_id=\"3\",le=\"1\",project_id=\"7\",ref=\"a\\\"}\"} 1",
            "m{project_id=\"7\",runner_id=\"9\"} 1",
        ] {
            assert_eq!(shard(&placement, line), own, "{line}");
        }
        for line in [
            "m 1",
            "m{gitlab_instance=\"com\"} 1",
            "m{project_id=\"\"} 1",
        ] {
            assert_eq!(shard(&placement, line), 0, "{line}");
        }
    }

    #[test]
    fn shards_are_alike_and_one_more_takes_its_part_of_each_and_moves_nothing_else() {
        let (four, five) = (of_projects(4), of_projects(5));
        for place in 0..4 {
            let count = four.iter().filter(|shard| **shard == place).count();
            assert!((24_500..=25_500).contains(&count), "{place}: {count}");
        }
        let moved = four
            .iter()
            .zip(&five)
            .filter(|(before, after)| before != after);
        let moved: Vec<_> = moved.map(|(_, after)| *after).collect();
        assert!(moved.iter().all(|after| *after == 4));
        assert!((19_000..=21_000).contains(&moved.len()), "{}", moved.len());
    }
}
