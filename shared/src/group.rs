//! Token groups: what a position in the sequence is.

use serde::{Deserialize, Serialize};

/// How many groups there are.
pub const GROUPS: usize = 7;

/// What a position in the sequence is. Every position is in exactly one group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Group {
    /// Position 0, whatever it holds (BOS, or Qwen's first `<|im_start|>`): the attention sink.
    Begin,
    /// Text of the system turn.
    System,
    /// Role words and line breaks around the turn.
    Template,
    /// Special delimiters such as `<|vision_start|>`.
    Marker,
    /// Image tokens.
    Image,
    /// What the person typed.
    Instruction,
    /// What the model wrote.
    Generated,
}

impl Group {
    /// All groups, in index order.
    pub const ALL: [Group; GROUPS] = [
        Group::Begin,
        Group::System,
        Group::Template,
        Group::Marker,
        Group::Image,
        Group::Instruction,
        Group::Generated,
    ];

    /// Index of the group in flows, `0..GROUPS`.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The name used in JSON, MessagePack and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Group::Begin => "begin",
            Group::System => "system",
            Group::Template => "template",
            Group::Marker => "marker",
            Group::Image => "image",
            Group::Instruction => "instruction",
            Group::Generated => "generated",
        }
    }
}

/// A set of groups, serialized as a list of names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "Vec<Group>", into = "Vec<Group>")]
pub struct GroupSet(u8);

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for GroupSet {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        <Vec<Group> as utoipa::PartialSchema>::schema()
    }
}
#[cfg(feature = "openapi")]
impl utoipa::ToSchema for GroupSet {}

impl GroupSet {
    /// The empty set.
    pub const EMPTY: GroupSet = GroupSet(0);

    /// A set of the named groups.
    pub const fn of(groups: &[Group]) -> Self {
        let mut bits = 0;
        let mut i = 0;
        while i < groups.len() {
            bits |= 1 << groups[i].index();
            i += 1;
        }
        GroupSet(bits)
    }

    /// Whether the set holds `group`.
    pub const fn contains(self, group: Group) -> bool {
        self.0 & (1 << group.index()) != 0
    }

    /// The set with `group` added.
    #[must_use]
    pub const fn with(self, group: Group) -> Self {
        GroupSet(self.0 | (1 << group.index()))
    }

    /// The set with `group` removed.
    #[must_use]
    pub const fn without(self, group: Group) -> Self {
        GroupSet(self.0 & !(1 << group.index()))
    }

    /// The groups of the set, in index order.
    pub fn iter(self) -> impl Iterator<Item = Group> {
        Group::ALL.into_iter().filter(move |g| self.contains(*g))
    }

    /// Whether the set is empty.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl From<Vec<Group>> for GroupSet {
    fn from(groups: Vec<Group>) -> Self {
        GroupSet::of(&groups)
    }
}

impl From<GroupSet> for Vec<Group> {
    fn from(set: GroupSet) -> Self {
        set.iter().collect()
    }
}

/// How many tokens each group holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts([u32; GROUPS]);

impl Counts {
    /// Counts of a sequence of groups.
    pub fn of(groups: impl IntoIterator<Item = Group>) -> Self {
        let mut counts = Counts::default();
        for group in groups {
            counts.0[group.index()] += 1;
        }
        counts
    }

    /// Tokens in one group.
    pub const fn get(&self, group: Group) -> u32 {
        self.0[group.index()]
    }

    /// The same counts with one group's replaced.
    #[must_use]
    pub const fn with(mut self, group: Group, count: u32) -> Self {
        self.0[group.index()] = count;
        self
    }

    /// Tokens in all groups of a set.
    pub fn in_set(&self, set: GroupSet) -> u32 {
        set.iter().map(|g| self.get(g)).sum()
    }
}
