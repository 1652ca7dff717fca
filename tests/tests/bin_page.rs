//! The page of a request bin in a browser.

use sealpost::samples;
use sealpost_core::WebhookKind;
use sealpost_tests::calls::event;
use sealpost_tests::{Bin, Browser, DOMAIN, Server, tools};
use serde_json::{Value, json};

/// A server with a bin for all events that the test sends, and a browser that shows its page; `None` where there is no browser.
fn open(answers: &str) -> Option<(Server, Bin, Browser)> {
    if !tools::available(&[tools::CHROMIUM, tools::CHROMEDRIVER]) {
        return None;
    }
    let server = Server::start();
    let bin = Bin::make(&server, answers);
    for kind in ["clicked", "opened", "delivered", "permanent_fail"] {
        let _ = server.api().subscribe(kind, std::slice::from_ref(&bin.url)).expect(200);
    }
    let browser = Browser::start();
    browser.open(&bin.page);
    browser.until("document.querySelector('#live').dataset.state === 'on'");
    Some((server, bin, browser))
}

fn count(browser: &Browser, selector: &str) -> Value {
    browser.run(&format!("return document.querySelectorAll('{selector}').length"))
}

/// The text of each request's summary, the newest first.
fn summaries(browser: &Browser) -> Vec<String> {
    let texts = browser.run(
        "return [...document.querySelectorAll('.request > details > summary')].map(one => one.innerText)",
    );
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    texts.as_array().expect("a list").iter().map(text).collect()
}

#[test]
fn an_event_appears_without_a_reload_verified_and_an_altered_payload_not_verified() {
    let Some((server, bin, browser)) = open("") else { return };
    browser.run("window.never_reloaded = true");
    let _ = server.api().submit(&event("clicked", "one")).expect(200);
    browser.until("document.querySelectorAll('.request').length === 1");
    let summary = summaries(&browser).remove(0);
    assert!(summary.contains("clicked") && summary.contains("alice@example.net"), "{summary}");
    assert!(summary.contains("verified") && !summary.contains("not verified"), "{summary}");
    assert!(summary.contains("attempt 1") && summary.contains("after the event"), "{summary}");

    let kept = bin.once(1).remove(0);
    let field = |name: &str| {
        let fields = kept["headers"].as_array().expect("headers").iter();
        let mut named = fields.filter(|field| field[0] == name);
        named.next().and_then(|field| field[1].as_str()).expect("a header").to_owned()
    };
    let signed = ["webhook-id", "webhook-timestamp", "webhook-signature"].map(|name| (name, field(name)));
    let signed: Vec<_> = signed.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let altered = kept["body"].as_str().expect("a body").replace("alice", "mallory");
    let _ = bin.send(&signed, altered.as_bytes()).expect(200);
    browser.until("document.querySelectorAll('.request').length === 2");
    assert!(summaries(&browser)[0].contains("not verified"), "{:?}", summaries(&browser));
    browser.run("document.querySelector('.request details').open = true");
    browser.until("document.querySelector('.request .signatures').innerText.includes('were altered')");
    assert_eq!(browser.run("return window.never_reloaded"), true);
    assert_eq!(
        browser.run("return document.querySelector('.filter [data-kind=\"*\"] span').textContent"),
        "2"
    );
}

#[test]
fn scripted_answers_are_set_on_the_page_and_show_three_attempts() {
    let Some((server, _bin, browser)) = open("") else { return };
    browser.run("document.querySelector('.answers').open = true; document.querySelector('#answers').value = '500, 500, 200'");
    browser.run("document.querySelector('.answers form button').click()");
    browser.until("document.querySelector('.answers summary code').textContent === '500, 500, 200'");
    browser.until("document.querySelector('#live').dataset.state === 'on'");
    let _ = server.api().submit(&event("opened", "one")).expect(200);
    browser.until("document.querySelectorAll('.request').length === 3");
    let summaries = summaries(&browser);
    for (summary, (attempt, answered)) in summaries.iter().rev().zip([(1, "500"), (2, "500"), (3, "200")]) {
        let told = format!("attempt {attempt} · answered {answered}");
        assert!(summary.contains(&told) && !summary.contains("not verified"), "{summary}");
    }
}

#[test]
fn nothing_that_was_sent_is_executed() {
    let Some((server, bin, browser)) = open("") else { return };
    let attack = r#"<img src=x onerror="document.title='executed'"><script>document.title='executed'</script><svg onload=alert(1)></pre></details></li><a href="javascript:alert(1)">x</a>"#;
    let hostile =
        json!({"event-data": {"event": attack, "id": attack, "recipient": attack, "tags": [attack]}});
    let send = || {
        let _ = bin.send(&[("X-Hostile", attack)], hostile.to_string().as_bytes()).expect(200);
        let _ = bin.send(&[], attack.as_bytes()).expect(200);
        let _ = bin
            .send(&[], format!("{attack}\r\nevent: request\r\ndata: {attack}\r\n\r\n").as_bytes())
            .expect(200);
        let line = format!("{attack}{}", "x".repeat(1_000_000));
        let _ = bin.send(&[], line.as_bytes()).expect(200);
    };
    send();
    browser.until("document.querySelectorAll('.request').length === 4");
    browser.open(&bin.page);
    send();
    browser.until("document.querySelectorAll('.request').length === 8");
    browser.run("document.querySelectorAll('details').forEach(one => { one.open = true })");
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert_eq!(browser.run("return document.title"), format!("Request bin · {DOMAIN}"));
    for element in ["img", "svg", "script:not(body > script)", "a[href^=javascript]", ".request iframe"] {
        assert_eq!(count(&browser, element), 0, "{element}");
    }
    let wide =
        browser.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth");
    assert_eq!(wide, 0, "a line of a megabyte does not widen the page");
    // The page's policy would stop even what had slipped through.
    browser.run("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"document.title=1\"><style>body{display:none}</style>')");
    std::thread::sleep(std::time::Duration::from_millis(200));
    assert_eq!(browser.run("return document.title"), format!("Request bin · {DOMAIN}"));
    assert_eq!(browser.run("return getComputedStyle(document.body).display"), "block");
    drop(server);
}

#[test]
fn a_page_that_was_cut_off_misses_nothing() {
    let Some((mut server, bin, browser)) = open("") else { return };
    let _ = bin.send(&[], b"before").expect(200);
    browser.until("document.querySelectorAll('.request').length === 1");
    let address = server.url("").replace("http://", "");
    server.kill9();
    browser.until("document.querySelector('#live').dataset.state !== 'on'");
    server.set("server.listen", &address);
    server.restart();
    for number in 0..15 {
        let _ = bin.send(&[], format!("meanwhile {number}").as_bytes()).expect(200);
    }
    browser.until("document.querySelectorAll('.request').length === 16");
    let numbers = browser.run("return [...document.querySelectorAll('.request')].map(one => one.value)");
    assert_eq!(numbers, json!((1..=16).rev().collect::<Vec<_>>()), "each once, the newest first");
}

#[test]
fn without_scripts_the_list_is_there_and_filtered_by_type_and_keys_are_enough() {
    let Some((server, bin, browser)) = open("") else { return };
    for (kind, id) in [("clicked", "1"), ("opened", "2"), ("clicked", "3")] {
        let _ = server.api().submit(&event(kind, id)).expect(200);
    }
    assert_eq!(bin.once(3).len(), 3);
    browser.until("document.querySelectorAll('.request').length === 3");
    // From the top: the link that skips, and with it the first request, which the keyboard opens.
    browser.open(&bin.page);
    browser.run("document.querySelectorAll('.request details').forEach(one => { one.open = false })");
    browser.run("document.querySelector('.request summary').focus()");
    browser.press("\u{E007}");
    browser.until("document.querySelector('.request details').open");

    browser.tell("Emulation.setScriptExecutionDisabled", &json!({"value": true}));
    browser.open(&format!("{}?event=clicked", bin.page));
    browser.tell("Emulation.setScriptExecutionDisabled", &json!({"value": false}));
    let kinds = browser.run("return [...document.querySelectorAll('.kind')].map(one => one.textContent)");
    assert_eq!(kinds, json!(["clicked", "clicked"]));
    assert_eq!(browser.run("return document.querySelector('#live').dataset.state"), "off");
    assert_eq!(
        browser.run("return document.querySelector('.filter [aria-current]').dataset.kind"),
        "clicked"
    );
}

#[test]
fn the_page_on_a_phone_and_on_a_desk_in_light_and_dark() {
    let Some((server, bin, browser)) = open("") else { return };
    for kind in ["delivered", "opened", "permanent_fail", "clicked"] {
        let _ = server.api().submit(samples::of(WebhookKind::parse(kind).expect("a type"))).expect(200);
    }
    let _ =
        bin.send(&[], br#"{"event-data":{"event":"clicked","recipient":"mallory@example.net"}}"#).expect(200);
    assert_eq!(bin.once(5).len(), 5);
    let pictures = tools::root().join("target/pictures");
    for (name, width, height, is_phone) in [("phone", 390, 844, true), ("desktop", 1280, 1400, false)] {
        for scheme in ["light", "dark"] {
            browser.show_as(width, height, is_phone, scheme);
            browser.open(&bin.page);
            browser.until("document.querySelector('#live').dataset.state === 'on'");
            browser.run(
                "document.querySelectorAll('.request > details').forEach((one, place) => { one.open = place === 1 })",
            );
            browser.photograph(&pictures.join(format!("bin-{name}-{scheme}.png")));
            let wide = browser.run("return document.documentElement.scrollWidth - window.innerWidth");
            assert!(wide.as_i64().is_some_and(|wide| wide <= 0), "{name}: {wide} wider than the screen");
        }
    }
}
