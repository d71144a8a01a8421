//! The sequence as groups and bins, with its media, each token's text and its place in its medium.

use serde::{Deserialize, Serialize};

use crate::bins::Bins;
use crate::group::{Counts, Group};
use crate::media::{Cell, Medium, Moment, Place, PreparedPicture, Samples, Span};
use crate::shown::CharPart;

/// One position of the sequence.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "TokenRead")]
pub struct Token {
    /// Position in the sequence.
    pub index: u32,
    /// Vocabulary id.
    pub id: u32,
    /// The token's text as a person would read it; leading spaces kept. A character that several
    /// tokens share stands in each with its part, as `어 1/3`; bytes that are no character are named,
    /// as `byte FF`.
    pub text: String,
    /// The characters that it shares with its neighbours, in order.
    pub parts: Vec<CharPart>,
    /// What the position is.
    pub group: Group,
    /// Which of the layout's media it is of, from 0; `None` for text.
    pub medium: Option<u8>,
    /// Where in its medium it lies; `None` for text, and for what stands between a medium's parts.
    pub place: Option<Place>,
}

impl Token {
    /// A position that is text.
    pub fn text(index: u32, id: u32, text: impl Into<String>, group: Group) -> Self {
        let (text, parts) = (text.into(), Vec::new());
        Token { index, id, text, parts, group, medium: None, place: None }
    }

    /// Where on a picture it lies.
    pub const fn cell(&self) -> Option<Cell> {
        match self.place {
            Some(Place::Cell(cell)) => Some(cell),
            _ => None,
        }
    }
}

/// A token as it travels. A picture's cell stands where version 1 of the event format had it; what
/// names no medium is of the first one.
#[derive(Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = Token))]
pub struct TokenRead {
    /// Position in the sequence.
    index: u32,
    /// Vocabulary id.
    id: u32,
    /// The token's text as a person would read it; leading spaces kept. A character that several
    /// tokens share stands in each with its part, as `어 1/3`; bytes that are no character are named,
    /// as `byte FF`.
    text: String,
    /// The characters that it shares with its neighbours, in order.
    #[serde(default)]
    parts: Vec<CharPart>,
    /// What the position is.
    group: Group,
    /// Which of the layout's media it is of, from 0; left out of text and of the first medium.
    #[serde(default)]
    medium: Option<u8>,
    /// Where on a picture it lies.
    #[serde(default)]
    cell: Option<Cell>,
    /// Where in a film it lies.
    #[serde(default)]
    moment: Option<Moment>,
    /// Which part of a sound it covers.
    #[serde(default)]
    span: Option<Span>,
    /// Which numbers of a series it covers.
    #[serde(default)]
    samples: Option<Samples>,
}

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for Token {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        <TokenRead as utoipa::PartialSchema>::schema()
    }
}
#[cfg(feature = "openapi")]
impl utoipa::ToSchema for Token {
    fn schemas(
        schemas: &mut Vec<(String, utoipa::openapi::RefOr<utoipa::openapi::schema::Schema>)>,
    ) {
        <TokenRead as utoipa::ToSchema>::schemas(schemas);
    }
}

impl From<TokenRead> for Token {
    fn from(read: TokenRead) -> Self {
        let TokenRead { index, id, text, parts, group, medium, cell, moment, span, samples } = read;
        let place = cell.map(Place::Cell);
        let place = place.or(moment.map(Place::Moment)).or(span.map(Place::Span));
        let place = place.or(samples.map(Place::Samples));
        let medium = medium.or((group.is_medium() || place.is_some()).then_some(0));
        Token { index, id, text, parts, group, medium, place }
    }
}

impl Serialize for Token {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Written<'t> {
            index: u32,
            id: u32,
            text: &'t str,
            #[serde(skip_serializing_if = "<[_]>::is_empty")]
            parts: &'t [CharPart],
            group: Group,
            #[serde(skip_serializing_if = "Option::is_none")]
            medium: Option<u8>,
            #[serde(skip_serializing_if = "Option::is_none")]
            cell: Option<Cell>,
            #[serde(skip_serializing_if = "Option::is_none")]
            moment: Option<Moment>,
            #[serde(skip_serializing_if = "Option::is_none")]
            span: Option<Span>,
            #[serde(skip_serializing_if = "Option::is_none")]
            samples: Option<Samples>,
        }
        let mut written = Written {
            index: self.index,
            id: self.id,
            text: &self.text,
            parts: &self.parts,
            group: self.group,
            // Of the first medium are those that name none; text that is of a medium names it.
            medium: self.medium.filter(|m| *m > 0 || !self.group.is_medium()),
            cell: None,
            moment: None,
            span: None,
            samples: None,
        };
        match self.place {
            Some(Place::Cell(cell)) => written.cell = Some(cell),
            Some(Place::Moment(moment)) => written.moment = Some(moment),
            Some(Place::Span(span)) => written.span = Some(span),
            Some(Place::Samples(samples)) => written.samples = Some(samples),
            None => {}
        }
        written.serialize(serializer)
    }
}

/// The prompt as the model receives it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(from = "LayoutRead")]
pub struct Layout {
    /// Every prompt position, in order.
    pub tokens: Vec<Token>,
    /// The prompt's media, in its order.
    pub media: Vec<Medium>,
    /// What each bin of the run's flows is.
    pub bins: Bins,
}

/// A layout as it travels: version 1 of the event format had tokens and one picture or none.
#[derive(Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = Layout))]
pub struct LayoutRead {
    /// Every prompt position, in order.
    tokens: Vec<Token>,
    /// The first picture's geometry; `None` for a prompt without a picture.
    #[serde(default)]
    picture: Option<PreparedPicture>,
    /// The prompt's media, in its order; runs of version 1 have `picture` alone.
    #[serde(default)]
    media: Option<Vec<Medium>>,
    /// What each bin of the run's flows is; those of one picture where it is left out.
    #[serde(default)]
    bins: Bins,
}

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for Layout {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        <LayoutRead as utoipa::PartialSchema>::schema()
    }
}
#[cfg(feature = "openapi")]
impl utoipa::ToSchema for Layout {
    fn schemas(
        schemas: &mut Vec<(String, utoipa::openapi::RefOr<utoipa::openapi::schema::Schema>)>,
    ) {
        <LayoutRead as utoipa::ToSchema>::schemas(schemas);
    }
}

impl From<LayoutRead> for Layout {
    fn from(LayoutRead { tokens, picture, media, bins }: LayoutRead) -> Self {
        let media = media.unwrap_or_else(|| picture.map(Medium::image).into_iter().collect());
        Layout { tokens, media, bins }
    }
}

impl Serialize for Layout {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Written<'l> {
            tokens: &'l [Token],
            picture: Option<PreparedPicture>,
            media: &'l [Medium],
            bins: &'l Bins,
        }
        let Layout { tokens, media, bins } = self;
        Written { tokens, picture: self.picture(), media, bins }.serialize(serializer)
    }
}

impl Layout {
    /// A layout of these positions and media, with the bins that follow from them.
    pub fn new(tokens: Vec<Token>, media: Vec<Medium>) -> Self {
        let bins = Bins::of_media(media.iter().map(Medium::group));
        Layout { tokens, media, bins }
    }

    /// Geometry of the first picture; `None` without one.
    pub fn picture(&self) -> Option<PreparedPicture> {
        self.media.iter().find_map(Medium::picture)
    }

    /// Geometry of the picture that is the medium of a number.
    pub fn picture_of(&self, medium: u8) -> Option<PreparedPicture> {
        self.media.get(usize::from(medium)).and_then(Medium::picture)
    }

    /// Row and column of a token on the map of its picture ([`Medium::spot`]); its cell's own where
    /// the layout does not say how the picture was seen.
    pub fn spot(&self, token: &Token) -> Option<(u16, u16)> {
        let cell = token.cell()?;
        match self.media.get(usize::from(token.medium?)) {
            Some(medium) => medium.spot(cell),
            None => (cell.tile == 0).then_some((cell.row, cell.col)),
        }
    }

    /// How many tokens of pictures lie in no cell: learned features that end lines of their maps.
    pub fn line_ends(&self) -> u32 {
        let ends = self.tokens.iter().filter(|t| t.group == Group::Image && t.place.is_none());
        ends.count() as u32
    }

    /// The bin of a position.
    pub fn bin(&self, token: &Token) -> usize {
        self.bins.find(token.group, token.medium).unwrap_or(0)
    }

    /// How many tokens each medium has.
    pub fn media_counts(&self) -> Vec<u32> {
        let mut counts = vec![0; self.media.len()];
        for token in self.tokens.iter().filter(|t| t.group.is_medium()) {
            if let Some(count) = counts.get_mut(usize::from(token.medium.unwrap_or(0))) {
                *count += 1;
            }
        }
        counts
    }

    /// The positions as runs of equal bin: `(bin, start, end)`, in order and without gaps.
    pub fn bin_segments(&self) -> Vec<(usize, usize, usize)> {
        let mut segments: Vec<(usize, usize, usize)> = Vec::new();
        for (i, token) in self.tokens.iter().enumerate() {
            let bin = self.bin(token);
            match segments.last_mut() {
                Some((last, _, end)) if *last == bin => *end = i + 1,
                _ => segments.push((bin, i, i + 1)),
            }
        }
        segments
    }

    /// Number of prompt positions.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether the prompt is empty.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// How many prompt tokens each group holds.
    pub fn counts(&self) -> Counts {
        Counts::of(self.tokens.iter().map(|t| t.group))
    }

    /// The groups as runs of equal group: `(group, start, end)`, in order and without gaps.
    pub fn segments(&self) -> Vec<(Group, usize, usize)> {
        let mut segments: Vec<(Group, usize, usize)> = Vec::new();
        for (i, token) in self.tokens.iter().enumerate() {
            match segments.last_mut() {
                Some((group, _, end)) if *group == token.group => *end = i + 1,
                _ => segments.push((token.group, i, i + 1)),
            }
        }
        segments
    }

    /// Positions of the image tokens.
    pub fn image_positions(&self) -> impl Iterator<Item = usize> + '_ {
        self.tokens.iter().enumerate().filter(|(_, t)| t.group == Group::Image).map(|(i, _)| i)
    }
}
