//! The OpenAPI document and its page, as they are served.
use crate::support::{
    Fresh,
    document::DOCUMENT,
    server::{Server, client},
};
use reqwest::header;
use serde_json::Value;

#[tokio::test]
async fn the_document_is_served_once_and_asked_for_again() {
    let fresh = Fresh::sqlite().await;
    let server = Server::start(&fresh.url);
    let http = client();
    let first = http.get(server.url("/openapi.json")).send().await.expect("an answer");
    let tag = first.headers()[header::ETAG].clone();
    assert!(tag.as_bytes().starts_with(b"\""), "a strong tag: {tag:?}");
    assert_eq!(first.json::<Value>().await.expect("JSON"), *DOCUMENT);
    let again = http.get(server.url("/openapi.json")).header(header::IF_NONE_MATCH, &tag).send().await.expect("an answer");
    assert_eq!((again.status().as_u16(), &again.headers()[header::ETAG]), (304, &tag));
    let page = http.get(server.url("/docs")).header(header::ACCEPT, "text/html").send().await.expect("an answer");
    let policy = page.headers()[header::CONTENT_SECURITY_POLICY].to_str().expect("ASCII").to_owned();
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    let html = page.text().await.expect("a page");
    assert!(
        !html.contains("style=")
            && !html.contains("<style")
            && !html.contains("onclick")
            && !html.contains("http://")
            && !html.contains("https://")
    );
    fresh.remove().await;
}
