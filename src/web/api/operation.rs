//! What an operation of the API is. Declared once, beside its handler; served, guarded and documented from that declaration.

use super::FORMAT;
use crate::domain::access::{OPERATOR, Roles};
use http::Method;
use std::borrow::Cow;
use utoipa::{
    ToSchema,
    openapi::{RefOr, schema::Schema},
};

/// A body of one thing: the largest terms have 200 rules.
const BODY_BYTES_MAX: usize = 1024 * 1024;
/// Rows of one page, if nothing is said …
pub const PAGE_ROWS: i64 = 50;
/// … and at most.
pub const PAGE_ROWS_MAX: i64 = 500;

/// The parameters of every list that comes in pages.
pub const LIMIT: Field =
    Field::optional("limit", Kind::Integer { min: 1, max: PAGE_ROWS_MAX }, "How many rows a page has; 50 if left out.");
pub const AFTER: Field = Field::optional("after", Kind::Cursor, "The `next` of the page before.");

/// One method of one path.
#[derive(Debug, Clone)]
pub struct Operation {
    pub method: Method,
    /// Below `/api/v1`, with the names of ids in braces.
    pub path: &'static str,
    /// The noun.
    pub tag: &'static str,
    /// Unique: what generated clients call it.
    pub id: &'static str,
    pub summary: &'static str,
    /// What the summary leaves out.
    pub description: &'static str,
    /// Who may call it; every other key is answered 403.
    pub roles: Roles,
    /// The ids of the path, in its order.
    pub ids: &'static [Field],
    query: &'static [Field],
    paged: bool,
    /// Its list comes as CSV and as lines of JSON, too.
    streamed: bool,
    pub body: Option<Body>,
    /// Instead of JSON.
    pub raw_body: Option<RawBody>,
    pub body_bytes_max: usize,
    /// It writes nothing, whatever its method.
    reads: bool,
    /// What it answers where all goes well.
    pub answers: Vec<Answer>,
    /// What it refuses by itself, beside what follows from its roles, ids, parameters and body: status and code.
    pub codes: Vec<(u16, &'static str)>,
}

/// A named part of a query, a path or a body.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    pub name: &'static str,
    pub required: bool,
    pub empty: Empty,
    pub kind: Kind,
    pub about: &'static str,
}

/// What `null` and an empty text mean in a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Empty {
    /// The same as leaving it out.
    Unsent,
    /// What is there is taken away.
    Clears,
    /// Nothing that could be meant.
    Refused,
}

/// What may stand in a field.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// An id with this prefix.
    Id(&'static str),
    /// An id of a merchant, publisher or buyer, or `platform`.
    Owner,
    Text {
        chars_max: usize,
    },
    /// Of something that people read: not only blanks.
    Name,
    /// A text that fits this pattern (ECMA 262).
    Pattern {
        pattern: &'static str,
        chars_max: usize,
    },
    Email,
    /// An absolute URL.
    Url,
    /// One of a few words.
    Word(&'static [&'static str]),
    /// The code of a reason.
    Reason,
    /// The code of a reason for a verdict, or words of one's own.
    Grounds,
    /// Ids with this prefix, at least one; or one that stands for a list of one.
    Ids {
        prefix: &'static str,
        max: usize,
    },
    Boolean,
    Integer {
        min: i64,
        max: i64,
    },
    /// A decimal, as text or as a number.
    Amount,
    /// 0 to 100 with at most 4 decimals, as text or as a number.
    Percent,
    /// ISO 4217, upper case.
    Currency,
    /// Units of a currency per euro, as text or as a number.
    Rate,
    Date,
    /// RFC 3339.
    Time,
    /// A date, which counts whole, or a time.
    Moment,
    /// The `next` of a page.
    Cursor,
    List {
        of: &'static Kind,
        max: usize,
    },
    /// Texts that are not empty, at least one; or one that stands for a list of one.
    Texts {
        chars_max: usize,
        max: usize,
    },
    Object(&'static [Field]),
    /// An object with exactly one of these fields.
    OneOf(&'static [Field]),
    /// An object whose `kind` says, by one of the words, which fields it has beside the common ones.
    Variants {
        common: &'static [Field],
        kinds: &'static [(&'static [&'static str], &'static [Field])],
    },
    /// An object with a currency as each name, of so many at least.
    ByCurrency {
        each: &'static Kind,
        count_min: usize,
    },
}

/// A JSON body: an object with these fields, or a list of such objects.
#[derive(Debug, Clone, Copy)]
pub struct Body {
    /// What generated clients call its type.
    pub name: &'static str,
    pub fields: &'static [Field],
    /// Of a list: how many objects it holds at most.
    pub items_max: Option<usize>,
    /// Fields that are not known are let pass: senders add their own.
    pub open: bool,
    /// Fields of the thing that never change, each with the reason: sent in a change, they are refused with it.
    pub fixed: &'static [(&'static str, &'static str)],
    /// A body that is accepted, as JSON text. Ids in it stand for ones that exist.
    pub example: &'static str,
}

/// A body that is not JSON. What it holds is the handler's to judge, and so is its size.
#[derive(Debug, Clone, Copy)]
pub struct RawBody {
    pub media: &'static str,
    /// Of the refusal of any other media type.
    pub code: &'static str,
    /// One that is accepted. Ids in it stand for ones that exist.
    pub example: &'static str,
}

/// One kind of answer.
#[derive(Debug, Clone, Copy)]
pub struct Answer {
    pub status: u16,
    pub content: Content,
}

#[derive(Debug, Clone, Copy)]
pub enum Content {
    One(Shape),
    /// `{"data": […], "next": …}`, a part of a list.
    Page(Shape),
    /// The same of a list that is whole: `next` is null.
    Whole(Shape),
    /// Something else than JSON: its media type.
    Raw(&'static str),
}

/// A type whose JSON is described, to be asked when the document is written.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    pub name: fn() -> Cow<'static, str>,
    pub schema: fn() -> RefOr<Schema>,
    /// Adds the types that it refers to, by name.
    pub parts: fn(&mut Vec<(String, RefOr<Schema>)>),
}

impl Shape {
    pub const fn of<T: ToSchema>() -> Self {
        Self { name: T::name, schema: T::schema, parts: T::schemas }
    }
}

impl Field {
    pub const fn required(name: &'static str, kind: Kind, about: &'static str) -> Self {
        Self { name, required: true, empty: Empty::Refused, kind, about }
    }
    pub const fn optional(name: &'static str, kind: Kind, about: &'static str) -> Self {
        Self { name, required: false, empty: Empty::Unsent, kind, about }
    }
    /// Of a change: what is left out stays, and it is never empty.
    pub const fn kept(name: &'static str, kind: Kind, about: &'static str) -> Self {
        Self { empty: Empty::Refused, ..Self::optional(name, kind, about) }
    }
    /// Of a change: what is left out stays, and `null` clears it.
    pub const fn clearable(name: &'static str, kind: Kind, about: &'static str) -> Self {
        Self { empty: Empty::Clears, ..Self::optional(name, kind, about) }
    }
}

impl Body {
    pub const fn new(name: &'static str, fields: &'static [Field]) -> Self {
        Self { name, fields, items_max: None, open: false, fixed: &[], example: "" }
    }
    /// A list of such objects, at most so many. Each is judged by itself: what is not known in them is let pass.
    pub const fn list(name: &'static str, items_max: usize, fields: &'static [Field]) -> Self {
        Self { items_max: Some(items_max), open: true, ..Self::new(name, fields) }
    }
    #[must_use]
    pub const fn open(self) -> Self {
        Self { open: true, ..self }
    }
    #[must_use]
    pub const fn fixed(self, fixed: &'static [(&'static str, &'static str)]) -> Self {
        Self { fixed, ..self }
    }
    #[must_use]
    pub const fn example(self, example: &'static str) -> Self {
        Self { example, ..self }
    }
}

/// Begins a declaration. Until it says otherwise, an operation is the operator's alone and takes nothing.
pub fn op(id: &'static str, summary: &'static str) -> Operation {
    Operation {
        method: Method::GET,
        path: "",
        tag: "",
        id,
        summary,
        description: "",
        roles: OPERATOR,
        ids: &[],
        query: &[],
        paged: false,
        streamed: false,
        body: None,
        raw_body: None,
        body_bytes_max: BODY_BYTES_MAX,
        reads: false,
        answers: Vec::new(),
        codes: Vec::new(),
    }
}

impl Operation {
    #[must_use]
    pub fn about(mut self, description: &'static str) -> Self {
        self.description = description;
        self
    }
    #[must_use]
    pub fn roles(mut self, roles: Roles) -> Self {
        self.roles = roles;
        self
    }
    #[must_use]
    pub fn ids(mut self, ids: &'static [Field]) -> Self {
        self.ids = ids;
        self
    }
    #[must_use]
    pub fn query(mut self, query: &'static [Field]) -> Self {
        self.query = query;
        self
    }
    #[must_use]
    pub fn body(mut self, body: Body) -> Self {
        self.body = Some(body);
        self
    }
    #[must_use]
    pub fn raw_body(mut self, body: RawBody) -> Self {
        self.raw_body = Some(body);
        self
    }
    #[must_use]
    pub fn body_bytes_max(mut self, bytes: usize) -> Self {
        self.body_bytes_max = bytes;
        self
    }
    /// A POST that writes nothing, and so may be sent again as it is.
    #[must_use]
    pub fn reads(mut self) -> Self {
        self.reads = true;
        self
    }
    /// 200 with one thing.
    #[must_use]
    pub fn ok<T: ToSchema>(self) -> Self {
        self.answer(200, Content::One(Shape::of::<T>()))
    }
    /// 201 with what was made.
    #[must_use]
    pub fn created<T: ToSchema>(self) -> Self {
        self.answer(201, Content::One(Shape::of::<T>()))
    }
    /// 200 with a page of a list; `limit` and `after` are taken.
    #[must_use]
    pub fn page<T: ToSchema>(mut self) -> Self {
        self.paged = true;
        self.answer(200, Content::Page(Shape::of::<T>()))
    }
    /// 200 with a list that is never cut.
    #[must_use]
    pub fn whole<T: ToSchema>(self) -> Self {
        self.answer(200, Content::Whole(Shape::of::<T>()))
    }
    /// The list is streamed where that is asked for.
    #[must_use]
    pub fn streamed(mut self) -> Self {
        self.streamed = true;
        self.answer(200, Content::Raw("text/csv")).answer(200, Content::Raw("application/x-ndjson"))
    }
    #[must_use]
    pub fn answer(mut self, status: u16, content: Content) -> Self {
        self.answers.push(Answer { status, content });
        self
    }
    #[must_use]
    pub fn codes(mut self, codes: &[(u16, &'static str)]) -> Self {
        self.codes.extend_from_slice(codes);
        self
    }

    /// Whether it takes an `Idempotency-Key`. A body that is not held cannot be compared with an earlier one.
    pub fn takes_idempotency_key(&self) -> bool {
        self.method == Method::POST && self.raw_body.is_none() && !self.reads
    }

    /// The parameters that it knows.
    pub fn parameters(&self) -> impl Iterator<Item = &Field> {
        let paging = self.paged.then_some([&LIMIT, &AFTER]).into_iter().flatten();
        self.query.iter().chain(paging).chain(self.streamed.then_some(&FORMAT))
    }

    /// The fields of which a change is refused, each with the reason.
    pub fn fixed(&self) -> &'static [(&'static str, &'static str)] {
        self.body.map_or(&[], |body| body.fixed)
    }

    /// The fields that its body may have.
    pub fn fields(&self) -> &'static [Field] {
        self.body.map_or(&[], |body| body.fields)
    }
}
