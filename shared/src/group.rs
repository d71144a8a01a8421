//! Token groups: what a position in the sequence is.

use serde::{Deserialize, Serialize};

/// How many groups there are.
pub const GROUPS: usize = 10;

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
    /// Tokens of a film.
    Video,
    /// Tokens of a sound.
    Audio,
    /// Tokens of a series of numbers.
    Series,
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
        Group::Video,
        Group::Audio,
        Group::Series,
    ];

    /// Whether it is a medium's: pictures and whatever else is not text.
    pub const fn is_medium(self) -> bool {
        matches!(self, Group::Image | Group::Video | Group::Audio | Group::Series)
    }

    /// Index of the group in lists by group, `0..GROUPS`.
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
            Group::Video => "video",
            Group::Audio => "audio",
            Group::Series => "series",
        }
    }
}

/// A set of groups, serialized as a list of names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "Vec<Group>", into = "Vec<Group>")]
pub struct GroupSet(u16);

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
    /// The groups of media.
    pub const MEDIA: GroupSet =
        GroupSet::of(&[Group::Image, Group::Video, Group::Audio, Group::Series]);

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

    /// The set without the groups of another.
    #[must_use]
    pub const fn minus(self, other: GroupSet) -> Self {
        GroupSet(self.0 & !other.0)
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

/// Groups that version 1 of the event format knew; lists by group are written at least as long.
const FIRST_GROUPS: usize = 7;

/// How many tokens each group holds. Serialized as a list in index order, without the zeros of later
/// media at its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<u32>", into = "Vec<u32>")]
pub struct Counts([u32; GROUPS]);

impl From<Counts> for Vec<u32> {
    fn from(Counts(all): Counts) -> Self {
        let used = all.iter().rposition(|n| *n > 0).map_or(0, |last| last + 1);
        all[..used.max(FIRST_GROUPS)].to_vec()
    }
}

impl TryFrom<Vec<u32>> for Counts {
    type Error = String;

    fn try_from(list: Vec<u32>) -> Result<Self, String> {
        let mut counts = Counts::default();
        match counts.0.get_mut(..list.len()) {
            Some(there) if list.len() >= FIRST_GROUPS => there.copy_from_slice(&list),
            _ => return Err(format!("{} counts are not those of {GROUPS} groups", list.len())),
        }
        Ok(counts)
    }
}

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
