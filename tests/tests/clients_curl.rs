//! A walk through the API with nothing but curl, as Mailgun's documentation shows it.

use std::process::Command;

use sealpost_tests::calls::{events, webhooks};
use sealpost_tests::tools::{self, Tool};
use sealpost_tests::{API_KEY, Server};
use serde_json::{Value, json};

const CURL: Tool = Tool { name: "curl", install: "apt-get install curl" };
const FIRST: &str = "https://8.8.8.8/first?a=b&c=d";
const SECOND: &str = "https://8.8.8.8/second";

/// What curl prints, called like this.
fn curl(server: &Server, path: &str, arguments: &[&str]) -> Value {
    let mut command = Command::new("curl");
    command.args(["--silent", "--noproxy", "*", "--user", &format!("api:{API_KEY}")]);
    let said = tools::run(command.args(arguments).arg(server.url(path)));
    serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"))
}

fn changed(message: &str, urls: &[&str]) -> Value {
    json!({"message": format!("Webhook has been {message}"), "webhook": {"urls": urls}})
}

#[test]
fn forms_are_read_however_curl_packs_them() {
    if !tools::available(&[CURL]) {
        return;
    }
    let server = Server::start();
    let (all, clicked) = (webhooks(""), webhooks("/clicked"));
    let (first, second) = (format!("url={FIRST}"), format!("url={SECOND}"));

    let created = curl(&server, &all, &["-F", "id=clicked", "-F", &first, "-F", &second]);
    assert_eq!(created, changed("created", &[FIRST, SECOND]), "multipart");

    let replaced = curl(&server, &clicked, &["-X", "PUT", "--data-urlencode", &second]);
    assert_eq!(replaced, changed("updated", &[SECOND]), "urlencoded");

    let (first, second) = (format!("url[]={FIRST}"), format!("url[]={SECOND}"));
    let replaced =
        curl(&server, &clicked, &["-X", "PUT", "--data-urlencode", &first, "--data-urlencode", &second]);
    assert_eq!(replaced, changed("updated", &[FIRST, SECOND]), "names of a list");

    let replaced = curl(&server, &clicked, &["-X", "PUT", "-F", &first]);
    assert_eq!(replaced, changed("updated", &[FIRST]), "names of a list, multipart");

    let header = "Content-Type: multipart/form-data; boundary=\"some 'boundary'\"";
    let part =
        "--some 'boundary'\r\nContent-Disposition: form-data; name=\"url\"\r\n\r\nhttps://8.8.8.8/second\r\n";
    let body = format!("{part}--some 'boundary'--\r\n");
    let replaced = curl(&server, &clicked, &["-X", "PUT", "-H", header, "--data-binary", &body]);
    assert_eq!(replaced, changed("updated", &[SECOND]), "a boundary in quotes");

    assert_eq!(curl(&server, &all, &[]), json!({"webhooks": {"clicked": {"urls": [SECOND]}}}));
    assert_eq!(curl(&server, &clicked, &[]), json!({"webhook": {"urls": [SECOND]}}));

    let empty = "--some 'boundary'--\r\n";
    let deleted = curl(&server, &clicked, &["-X", "DELETE", "-H", header, "--data-binary", empty]);
    assert_eq!(deleted, changed("deleted", &[SECOND]), "an empty form");
    assert_eq!(curl(&server, &clicked, &["-X", "DELETE"]), json!({"message": "Webhook not found"}));
}

#[test]
fn events_come_in_and_are_listed_with_the_query_of_the_documentation() {
    if !tools::available(&[CURL]) {
        return;
    }
    let server = Server::start();
    let batch = r#"[{"event":"opened","id":"1","timestamp":1521472262.9},{"event":"clicked","id":"2","timestamp":1521472263}]"#;
    let submitted = curl(&server, &events(""), &["-H", "Content-Type: application/json", "-d", batch]);
    assert_eq!(submitted["items"].as_array().map(Vec::len), Some(2));

    let get = |query: &[&str]| {
        let pairs = query.iter().flat_map(|pair| ["--data-urlencode", pair]);
        let page = curl(&server, &events(""), &["-G"].into_iter().chain(pairs).collect::<Vec<_>>());
        let items = page["items"].as_array().expect("items").iter();
        items.map(|item| item["id"].as_str().expect("an id").to_owned()).collect::<Vec<_>>()
    };
    let begin = "begin=Fri, 3 May 2013 09:00:00 -0000";
    assert_eq!(get(&[begin, "ascending=yes", "limit=25", "pretty=yes"]), ["1", "2"]);
    assert_eq!(get(&[begin, "ascending=yes", "event=rejected OR clicked"]), ["2"]);
    assert_eq!(get(&["begin=1521472262.95", "end=1521472260"]), ["1"]);
    assert_eq!(get(&[]), ["2", "1"]);
}
