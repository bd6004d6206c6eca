//! `POST /conversions/verdicts`: approvals, rejections and adjustments in batches; a merchant's are about its own programs.

use super::{Api, Body, Caller, Field, ITEMS_MAX, Input, Kind, Results, Routes, judge_all, op, too_large};
use crate::{
    domain::{
        access::{MERCHANT, OPERATOR},
        command::{Act, Command},
        sale::REFERENCE_CHARS_MAX,
        terms::parse::NAME_CHARS_MAX,
        verdict::WORDS_CHARS_MAX,
    },
    engine::verdict::{self, Found, Wrong},
    formats::verdict::{Asked, WORDS},
    kernel::{
        fields::FieldErrors,
        id::{ConversionId, ProgramId},
    },
    web::problem::Problem,
};
use axum::{extract::State, response::Response};

/// The longest reason, escaped, with everything else.
const ITEM_BYTES_MAX: usize = 8 * 1024;
const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;

const ABOUT: &str = "Each names a conversion, or a program and the order's number, and is judged by itself. \
    What is said of an order whose sale is not known yet is kept until it comes. Tables of any length: `import_verdicts`.";

const VERDICTS: Body = Body::list(
    "GivenVerdicts",
    ITEMS_MAX,
    &[
        Field::optional("conversion", Kind::Id(ConversionId::PREFIX), "What it is about; or `program` and `order_id`."),
        Field::optional("program", Kind::Id(ProgramId::PREFIX), "Whose order it is about."),
        Field::optional("order_id", Kind::Text { chars_max: REFERENCE_CHARS_MAX }, "The merchant's own number."),
        Field::optional("type", Kind::Text { chars_max: NAME_CHARS_MAX }, "The goal of the order; `sale` if left out."),
        Field::required("verdict", Kind::Word(WORDS), "`adjust` sets what was sold."),
        Field::optional("reason", Kind::Grounds, "Why: a code, or words of your own, which are `other`. Required but for approvals."),
        Field::optional("reason_text", Kind::Text { chars_max: WORDS_CHARS_MAX }, "Beside the reason `other`, your own words."),
        Field::optional("amount", Kind::Amount, "Of an adjustment: what was sold, in the sale's currency."),
    ],
)
.example(r#"[{"conversion": "cnv_09dkq3fzg0g00", "verdict": "reject", "reason": "returned"}]"#);

pub fn routes() -> Routes {
    let judge_them = op("create_verdicts", "Verdicts in a batch, each judged by itself").about(ABOUT).roles(OPERATOR | MERCHANT);
    let judge_them = judge_them.body(VERDICTS).body_bytes_max(BODY_BYTES_MAX).ok::<Results<'static>>();
    Routes::new("conversions").post("/conversions/verdicts", create, judge_them)
}

async fn create(State(api): State<Api>, caller: Caller, input: Input) -> Result<Response, Problem> {
    let items = input.items()?;
    let asked =
        items.iter().map(|item| if item.len() > ITEM_BYTES_MAX { Err(FieldErrors::default()) } else { Asked::parse_body(item.as_bytes()) });
    let found = verdict::find(api.db(), caller.scope, asked.collect()).await?;
    let commands = items.iter().zip(found).map(|(item, found)| command(&api, &caller, item, found));
    let commands = commands.collect::<Result<_, _>>()?;
    judge_all(&api, &caller, &input, commands).await
}

fn command(api: &Api, caller: &Caller, item: &str, found: Found) -> Result<Command, Problem> {
    let about = caller.about(found.as_ref().ok().map(|(program, _)| &**program))?;
    let message = api.message(about, item.as_bytes());
    if item.len() > ITEM_BYTES_MAX {
        return Ok(too_large(message));
    }
    let act = match found {
        Ok((_, act)) => act,
        Err(Wrong::NotFound) => Act::Refused { http: 404, code: "not_found", errors: FieldErrors::default() },
        Err(Wrong::Fields(errors)) => Act::Refused { http: 422, code: errors.code(), errors },
    };
    Ok(Command::new(message, act))
}
