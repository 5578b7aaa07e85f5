//! `/api/openapi.json`: generated from the handlers, with the socket messages and what holds for every operation.

use std::collections::BTreeSet;

use axum::{Router, routing::get};
use utoipa::{
    OpenApi,
    openapi::{
        Components, Content, KnownFormat, ObjectBuilder, OpenApi as Document, Ref, RefOr, Required, Response,
        Schema, SchemaFormat, Type,
        path::{Operation, PathItem},
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};
use utoipa_axum::router::OpenApiRouter;

use crate::{
    app::App, approval, auth, binding, budget, checkin, doctor, error::ProblemBody, finance, meeting, notice,
    official, payout, people, privacy, referral, round, stage, voucher, wire,
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Kaijiang",
        description = "A live meeting lottery. Money is integer fen, time integer ms UTC. Errors are application/problem+json \
            with a stable `code`. Sockets: `/ws/{meeting}?role=screen|attendee|control&after={seq}` send messages of the \
            schema `Message`, the first one a `snapshot`. Commands that need `Idempotency-Key` say so; all others take it. \
            With a cookie, commands need an `Origin` header of this server; with a Bearer token they do not."
    ),
    components(schemas(ProblemBody, wire::Message, wire::Body, wire::Snapshot, wire::PictureUse))
)]
struct Base;

/// Every route of the API.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(Base::openapi())
        .merge(auth::router())
        .merge(meeting::router())
        .merge(round::router())
        .merge(stage::router())
        .merge(official::router())
        .merge(notice::router())
        .merge(people::router())
        .merge(binding::router())
        .merge(checkin::router())
        .merge(approval::router())
        .merge(budget::router())
        .merge(payout::router())
        .merge(voucher::router())
        .merge(referral::router())
        .merge(finance::router())
        .merge(privacy::router())
        .merge(doctor::router())
        .merge(super::health::router())
}

/// The finished document, for the file that the web client is generated from.
pub fn document() -> Document {
    finish(routes().split_for_parts().1)
}

/// Serialised once: the document does not change while the server runs.
pub(super) fn served(document: &Document) -> Router<App> {
    let text = bytes::Bytes::from(serde_json::to_vec(document).unwrap_or_default());
    let json = [(http::header::CONTENT_TYPE, "application/json")];
    Router::new().route("/api/openapi.json", get(move || async move { (json, text.clone()) }))
}

/// Adds what holds everywhere: security schemes, and the refusals that any operation can answer.
pub(super) fn finish(mut document: Document) -> Document {
    let components = document.components.get_or_insert_default();
    let cookie = |name: &str| SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new(name)));
    components.add_security_scheme("cookie", cookie("kj_staff"));
    components.add_security_scheme("me", cookie("kj_me"));
    components.add_security_scheme("screen", cookie("kj_screen"));
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
    components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    let free = bodies_without_duties(components);
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in operations(item) {
            free_body(operation, &free);
            name_problems(operation);
            add_refusals(operation);
            operation.operation_id = Some(operation_id(method, path));
            name_bytes(operation);
        }
    }
    document
}

/// References to schemas of which nothing is required: such a body may be left out, as [`crate::http::Body`] reads it.
fn bodies_without_duties(components: &Components) -> BTreeSet<String> {
    let free = components.schemas.iter().filter(|(_, schema)| {
        matches!(schema, RefOr::T(Schema::Object(object)) if object.required.is_empty()
            && object.schema_type == Type::Object.into())
    });
    free.map(|(name, _)| format!("#/components/schemas/{name}")).collect()
}

fn free_body(operation: &mut Operation, free: &BTreeSet<String>) {
    let Some(RefOr::T(body)) = &mut operation.request_body else { return };
    if let Some(RefOr::T(content)) = body.content.get("application/json")
        && let Some(RefOr::Ref(schema)) = &content.schema
        && free.contains(&schema.ref_location)
    {
        body.required = Some(Required::False);
    }
}

/// `post_meetings_rounds_commit`: unique, since method and path are; generators make function names of it.
fn operation_id(method: &str, path: &str) -> String {
    let words = path
        .split('/')
        .filter(|word| !word.is_empty() && *word != "api" && !(word.starts_with('{') && *word != "{id}"));
    let named: Vec<_> = words.map(|word| word.trim_matches(['{', '}'])).collect();
    let last = path.rsplit('/').next().unwrap_or("");
    let one = if last.starts_with('{') && last != "{id}" {
        format!("_by_{}", last.trim_matches(['{', '}']))
    } else {
        String::new()
    };
    format!("{method}_{}{one}", named.join("_").replace(['.', '-'], "_"))
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let all = [
        ("get", &mut item.get),
        ("post", &mut item.post),
        ("put", &mut item.put),
        ("patch", &mut item.patch),
        ("delete", &mut item.delete),
    ];
    all.into_iter().filter_map(|(method, operation)| operation.as_mut().map(|operation| (method, operation)))
}

/// A refusal's body is written beside the handler without its type of content, which is always the same one.
fn name_problems(operation: &mut Operation) {
    for response in operation.responses.responses.values_mut() {
        let RefOr::T(response) = response else { continue };
        let problem = Ref::from_schema_name("ProblemBody").ref_location;
        let json = response.content.get("application/json");
        let refers = |content: &RefOr<Content>| {
            let RefOr::T(content) = content else { return false };
            matches!(&content.schema, Some(RefOr::Ref(to)) if to.ref_location == problem)
        };
        if json.is_some_and(refers)
            && let Some(content) = response.content.shift_remove("application/json")
        {
            response.content.insert("application/problem+json".to_owned(), content);
        }
    }
}

fn add_refusals(operation: &mut Operation) {
    let mut statuses = vec![
        ("400", "Not readable."),
        ("404", "No such thing."),
        ("422", "A value cannot be taken; `field` names it."),
        ("503", "Something we lean on is away; try again."),
    ];
    if operation.security.is_some() {
        statuses.extend([("401", "`login`"), ("403", "`role` or `origin`")]);
    }
    if operation.request_body.is_some() {
        statuses.extend([("413", "Too large."), ("415", "Wrong content type.")]);
    }
    statuses.extend([
        ("403", "`origin`: a cookie came from a foreign page."),
        ("409", "In conflict with what is; `code` says with what."),
        ("429", "Too often; see Retry-After."),
    ]);
    for (status, words) in statuses {
        operation.responses.responses.entry(status.to_owned()).or_insert_with(|| RefOr::T(problem(words)));
    }
}

/// What is neither JSON nor text is bytes, not a list of numbers.
fn name_bytes(operation: &mut Operation) {
    for response in operation.responses.responses.values_mut() {
        let RefOr::T(response) = response else { continue };
        for (kind, body) in &mut response.content {
            if !kind.ends_with("json") && !kind.starts_with("text/") {
                let bytes = ObjectBuilder::new()
                    .schema_type(Type::String)
                    .format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)));
                *body = RefOr::T(Content::new(Some(bytes)));
            }
        }
    }
}

fn problem(words: &str) -> Response {
    let body = Content::new(Some(Ref::from_schema_name("ProblemBody")));
    utoipa::openapi::ResponseBuilder::new()
        .description(words)
        .content("application/problem+json", body)
        .build()
}
