use std::collections::BTreeSet;
use std::io::Write as _;

use super::*;

/// A value for every key, other than its default.
const OTHER: [(&str, &str); 49] = [
    ("server.listen", "[::1]:0"),
    ("server.public_url", "https://events.example.com"),
    ("server.trusted_proxies", "10.0.0.1,fd00::/8"),
    ("server.metrics_allow", "127.0.0.1"),
    ("server.max_connections", "7"),
    ("server.request_timeout", "1s"),
    ("server.drain_deadline", "1m"),
    ("storage.data", "/var/lib/sealpost"),
    ("storage.max_pending", "12"),
    ("storage.min_free_disk", "0"),
    ("storage.retention", "1h30m"),
    ("storage.index_memory", "1GiB"),
    ("storage.outcome_linger", "250us"),
    ("storage.master_key_file", "/etc/sealpost.key"),
    ("keys.api", "key-1"),
    ("keys.signing", "key-2"),
    ("keys.master", "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"),
    ("domains.names", "example.com, Example.ORG"),
    ("delivery.schedule", "250ms,1h30m"),
    ("delivery.deadline", "3s"),
    ("delivery.in_flight_per_endpoint", "3"),
    ("delivery.in_flight", "33"),
    ("delivery.window", "333"),
    ("delivery.window_per_endpoint", "33"),
    ("delivery.keep", "5s"),
    ("delivery.shards", "3"),
    ("delivery.gone", "stop"),
    ("delivery.sign_every_attempt", "false"),
    ("delivery.standard_webhooks", "false"),
    ("delivery.max_response", "1KiB"),
    ("delivery.idle_connections", "0"),
    ("delivery.user_agent", "mailgun/treq-16.12.0"),
    ("egress.allow", "127.0.0.0/8"),
    ("egress.https_only", "true"),
    ("egress.nat64", "true"),
    ("egress.ca_file", "/etc/ca.pem"),
    ("egress.dns_timeout", "1s"),
    ("limits.event_data", "1KiB"),
    ("limits.batch_bytes", "1MiB"),
    ("limits.batch_items", "1"),
    ("bins.lifetime", "1h"),
    ("bins.per_domain", "3"),
    ("bins.in_all", "4"),
    ("bins.requests", "5"),
    ("bins.bytes", "1MiB"),
    ("bins.request_bytes", "2KiB"),
    ("bins.listeners", "6"),
    ("log.format", "json"),
    ("log.level", "trace"),
];

fn variable(key: &str, value: &str) -> Sources {
    let name = format!("SEALPOST_{}", key.replace('.', "_").to_uppercase());
    Sources { environment: vec![(name.into(), value.into())], ..Sources::default() }
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn message(sources: &Sources) -> String {
    Config::load(sources).unwrap_err().to_string()
}

#[test]
fn the_default_file_lists_exactly_the_keys_that_are_read() {
    let mut layers = Layers::of(&Sources::default()).unwrap();
    let listed: BTreeSet<String> = layers.unread().into_iter().map(str::to_owned).collect();

    Config::read(&mut layers).unwrap();

    assert_eq!(layers.unread(), [""; 0]);
    assert_eq!(listed, OTHER.map(|(key, _)| key.to_owned()).into());
}

#[test]
fn the_defaults_are_mailguns_schedule_and_the_documented_bounds() {
    let config = Config::load(&Sources::default()).unwrap();

    assert_eq!(config.delivery.schedule, Schedule::MAILGUN);
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8925");
    assert_eq!(config.limits, Limits { event_data: 262_144, batch_bytes: 10_485_760, batch_items: 10_000 });
    assert_eq!(config.storage.retention, Duration::from_secs(2_592_000));
    assert_eq!(config.storage.master_key_file, PathBuf::from("sealpost-data/master.key"));
    assert_eq!(config.delivery.user_agent, concat!("sealpost/", env!("CARGO_PKG_VERSION")));
}

#[test]
fn every_key_is_an_environment_variable() {
    let default = Config::load(&Sources::default()).unwrap();
    for (key, value) in OTHER {
        assert_ne!(Config::load(&variable(key, value)).unwrap(), default, "{key}");
    }
}

#[test]
fn there_are_no_more_shards_than_have_enough_attempts_in_flight() {
    for (shards, in_flight, of_endpoint, parts) in [
        (2, 256, 8, &[128, 128][..]),
        (3, 256, 8, &[86, 85, 85]),
        (2, 256, 256, &[256]),
        (2, 1, 1, &[1]),
        (8, 9, 1, &[5, 4]),
    ] {
        let file = file(&format!(
            "[delivery]\nshards = {shards}\nin_flight = {in_flight}\nin_flight_per_endpoint = {of_endpoint}"
        ));
        let sources = Sources { file: Some(file.path().to_owned()), ..Sources::default() };
        let delivery = Config::load(&sources).unwrap().delivery;
        let each: Vec<_> = (0..delivery.shards()).map(|shard| delivery.in_flight_of(shard)).collect();
        assert_eq!(each, parts, "{shards} shards, {in_flight} in flight, {of_endpoint} of an endpoint");
    }
}

#[test]
fn an_endpoint_has_a_share_of_the_window_for_what_it_may_have_in_flight() {
    for (window, in_flight, said, share) in [
        (16384, 8, 0, 256),
        (16384, 64, 0, 512),
        (16384, 64, 32, 32),
        (100, 8, 0, 100),
        (65535, 256, 0, 2048),
    ] {
        let file = file(&format!(
            "[delivery]\nwindow = {window}\nin_flight_per_endpoint = {in_flight}\nwindow_per_endpoint = {said}"
        ));
        let sources = Sources { file: Some(file.path().to_owned()), ..Sources::default() };
        assert_eq!(
            Config::load(&sources).unwrap().delivery.window_per_endpoint,
            share,
            "{in_flight} in flight"
        );
    }
}

#[test]
fn a_flag_wins_over_the_environment_that_over_the_file_and_that_over_the_default() {
    let file = file("[delivery]\nshards = 2\nin_flight = 20\nwindow = 2000");
    let mut sources = Sources { file: Some(file.path().to_owned()), ..Sources::default() };
    sources.environment = [("SHARDS", "3"), ("IN_FLIGHT", "30")]
        .map(|(name, value)| (format!("SEALPOST_DELIVERY_{name}").into(), value.into()))
        .into();
    sources.flags = vec![Flag { name: "--shards", key: "delivery.shards", values: vec!["4".to_owned()] }];

    let delivery = Config::load(&sources).unwrap().delivery;

    assert_eq!((delivery.shards, delivery.in_flight, delivery.window), (4, 30, 2000));
    assert_eq!(delivery.in_flight_per_endpoint, 8);
}

#[test]
fn the_dev_profile_lies_below_the_file() {
    let file = file("[delivery]\nschedule = [\"7s\"]");
    let profile = Profile::Dev { data: "/tmp/dev".into() };
    let sources = Sources { profile, file: Some(file.path().to_owned()), ..Sources::default() };

    let config = Config::load(&sources).unwrap();

    assert_eq!(config.delivery.schedule.steps(), [Millis::from_secs(7)]);
    assert!(config.egress.allow.contains(&"127.0.0.0/8".parse().unwrap()));
    assert_eq!(config.domains.names.len(), 2);
    assert_eq!(config.storage.master_key_file, PathBuf::from("/tmp/dev/master.key"));
}

#[test]
fn the_short_names_of_the_keys_win() {
    let mut sources = variable("keys.api", "long");
    sources.environment.push(("SEALPOST_API_KEY".into(), "short".into()));
    sources.environment.push(("SEALPOST_SIGNING_KEY".into(), "s1".into()));

    let keys = Config::load(&sources).unwrap().keys;

    assert_eq!((keys.api, keys.signing), (Some(Secret::new("short")), Some(Secret::new("s1"))));
}

#[test]
fn a_schedule_may_be_none() {
    for none in ["none", ""] {
        let config = Config::load(&variable("delivery.schedule", none)).unwrap();
        assert_eq!(config.delivery.schedule.attempts(), 1);
    }
}

#[test]
fn every_wrong_value_is_told_with_its_place_and_what_would_be_right() {
    let wrong = [
        ("server.listen", "localhost", "an address and a port"),
        ("server.public_url", "ftp://example.com", "an absolute http or https URL"),
        ("server.public_url", "https://u:p@example.com", "without credentials"),
        ("server.trusted_proxies", "10.0.0.0/33", "a list of networks or addresses"),
        ("server.max_connections", "0", "a whole number from 1 to 65535"),
        ("server.drain_deadline", "-1s", "a duration from 0s to 10m"),
        ("storage.data", "", "a path"),
        ("storage.min_free_disk", "1GB", "a size from 0 to 1024TiB"),
        ("storage.retention", "30", "a duration from 1m to 3650d"),
        ("domains.names", "exa mple.com", "a list of domain names"),
        ("domains.names", "192.0.2.1", "a list of domain names"),
        ("delivery.schedule", "5m,soon", "at most 16 durations"),
        ("delivery.schedule", "0s", "each from 1ms to 30d"),
        ("delivery.schedule", "1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s", "at most 16"),
        ("delivery.deadline", "11m", "a duration from 10ms to 10m"),
        ("delivery.in_flight_per_endpoint", "257", "a whole number from 1 to 256"),
        ("delivery.window", "65536", "a whole number from 1 to 65535"),
        ("delivery.window_per_endpoint", "16385", "a whole number from 0 to 16384"),
        ("delivery.shards", "65", "a whole number from 1 to 64"),
        ("delivery.gone", "maybe", "retry or stop"),
        ("delivery.standard_webhooks", "yes", "true or false"),
        ("delivery.max_response", "99999999999999999999KiB", "a size from 1KiB to 1MiB"),
        ("delivery.user_agent", "a\r\nb", "visible ASCII"),
        ("egress.allow", "example.com", "a list of networks or addresses"),
        ("limits.event_data", "5MiB", "a size from 1KiB to 4194304"),
        ("log.format", "xml", "auto, text or json"),
        ("log.level", "loud", "off, error, warn, info, debug or trace"),
    ];
    for (key, value, right) in wrong {
        let message = message(&variable(key, value));
        let variable = format!("SEALPOST_{}", key.replace('.', "_").to_uppercase());
        let place = format!("environment variable {variable}: {key} = \"{value}\" is wrong; it must be ");
        assert!(message.starts_with(&place) && message.contains(right), "{message}");
    }
}

#[test]
fn a_wrong_secret_is_not_shown() {
    for (key, value) in [("keys.api", "two words"), ("keys.signing", "gemüse"), ("keys.master", "0011")] {
        let message = message(&variable(key, value));
        assert!(message.contains(key) && !message.contains(value), "{message}");
    }
    let config = Config::load(&variable("keys.api", "key-1234")).unwrap();
    assert!(!format!("{config:?}").contains("key-1234"));
}

#[test]
fn an_unknown_key_in_a_file_is_told_with_those_that_exist() {
    for (text, key, known) in [
        ("[log]\ncolour = true", "`log.colour`", "log.format, log.level"),
        ("[logs]\nlevel = \"info\"", "`logs.level`", "delivery.deadline"),
        ("level = \"info\"", "`level`", "log.level"),
    ] {
        let file = file(text);
        let path = file.path().to_owned();
        let message = message(&Sources { file: Some(path.clone()), ..Sources::default() });
        let place = format!("{}: there is no key {key}", path.display());
        assert!(message.starts_with(&place) && message.contains(known), "{message}");
    }
}

#[test]
fn a_file_that_is_absent_or_no_toml_is_named() {
    let absent = Sources { file: Some("/nonexistent/sealpost.toml".into()), ..Sources::default() };
    assert!(
        message(&absent).starts_with("/nonexistent/sealpost.toml: the configuration file cannot be read")
    );

    let file = file("[keys]\nsigning = key-without-quotes");
    let broken = Sources { file: Some(file.path().to_owned()), ..Sources::default() };
    let message = message(&broken);
    assert!(message.contains("not valid TOML in line 2") && !message.contains("key-without"), "{message}");
}

#[test]
fn a_nested_table_is_no_value() {
    let file = file("[log.level]\nall = \"info\"");
    let nested = Sources { file: Some(file.path().to_owned()), ..Sources::default() };
    assert!(message(&nested).contains("log.level is wrong"));
}
