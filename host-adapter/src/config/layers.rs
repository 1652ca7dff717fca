//! The sources of settings, laid over each other: each key keeps its topmost value and its origin.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use sealpost_core::{Duration as Millis, Schedule};

use super::error::{ConfigError, Origin};
use super::value;
use crate::secrets::Secret;

/// Documents every key, and is the default.
const DEFAULT: &str = include_str!("../config.default.toml");
/// What `sealpost dev` sets differently.
const DEV: &str = include_str!("../config.dev.toml");

/// Variables with names of their own, each an alias of a key. The alias wins over the long name.
const ALIASES: [(&str, &str); 3] = [
    ("keys.api", "SEALPOST_API_KEY"),
    ("keys.signing", "SEALPOST_SIGNING_KEY"),
    ("keys.master", "SEALPOST_MASTER_KEY"),
];

/// Which defaults lie below the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// `config.default.toml` alone.
    #[default]
    Serve,
    /// `config.dev.toml` above it: set for a laptop.
    Dev {
        /// The data directory, unless another one is chosen.
        data: PathBuf,
    },
}

/// Where a configuration comes from; the default is the compiled-in one alone.
#[derive(Clone, Default)]
pub struct Sources {
    /// Which defaults.
    pub profile: Profile,
    /// A TOML file.
    pub file: Option<PathBuf>,
    /// Environment variables; those without the prefix `SEALPOST_` are passed over.
    pub environment: Vec<(OsString, OsString)>,
    /// Flags of the command line.
    pub flags: Vec<Flag>,
}

/// A flag of the command line that sets a key.
#[derive(Clone)]
pub struct Flag {
    /// The flag, dashes included.
    pub name: &'static str,
    /// The key it sets, `section.key`.
    pub key: &'static str,
    /// Its values; a flag that takes one value has one.
    pub values: Vec<String>,
}

/// The topmost value of each key. Reading a key takes it out, so that a key nobody reads is seen.
#[cfg_attr(fuzzing, derive(Clone))]
pub(super) struct Layers(BTreeMap<String, Setting>);

#[cfg_attr(fuzzing, derive(Clone))]
struct Setting {
    raw: Raw,
    origin: Origin,
}

/// A value as it was written: the key's reader gives it its type.
#[cfg_attr(fuzzing, derive(Clone))]
enum Raw {
    Text(String),
    List(Vec<String>),
}

impl Layers {
    /// Lays the sources over each other.
    pub(super) fn of(sources: &Sources) -> Result<Self, ConfigError> {
        let mut layers = Self(BTreeMap::new());
        for (key, raw) in settings(DEFAULT, &Origin::Default)? {
            layers.0.insert(key, Setting { raw, origin: Origin::Default });
        }
        if let Profile::Dev { data } = &sources.profile {
            layers.lay_toml(DEV, &Origin::Default)?;
            let raw = Raw::Text(data.display().to_string());
            layers.0.insert("storage.data".to_owned(), Setting { raw, origin: Origin::Default });
        }
        if let Some(path) = &sources.file {
            let text = std::fs::read_to_string(path)
                .map_err(|source| ConfigError::Unreadable { path: path.clone(), source })?;
            layers.lay_toml(&text, &Origin::File(path.clone()))?;
        }
        layers.lay_environment(&sources.environment)?;
        for flag in &sources.flags {
            let raw = Raw::List(flag.values.clone());
            layers.0.insert(flag.key.to_owned(), Setting { raw, origin: Origin::Flag(flag.name) });
        }
        Ok(layers)
    }

    /// A file of this text, and these variables, over these layers.
    #[cfg(fuzzing)]
    pub(super) fn below(
        &self,
        file: &str,
        environment: &[(OsString, OsString)],
    ) -> Result<Self, ConfigError> {
        let mut layers = self.clone();
        layers.lay_toml(file, &Origin::File(PathBuf::from("sealpost.toml")))?;
        layers.lay_environment(environment)?;
        Ok(layers)
    }

    fn lay_toml(&mut self, text: &str, origin: &Origin) -> Result<(), ConfigError> {
        for (key, raw) in settings(text, origin)? {
            let Some(setting) = self.0.get_mut(&key) else {
                return Err(self.unknown(key, origin));
            };
            *setting = Setting { raw, origin: origin.clone() };
        }
        Ok(())
    }

    fn lay_environment(&mut self, environment: &[(OsString, OsString)]) -> Result<(), ConfigError> {
        let variables: BTreeMap<_, _> = environment
            .iter()
            .filter_map(|(name, value)| Some((name.to_str()?, value)))
            .filter(|(name, _)| name.starts_with("SEALPOST_"))
            .collect();
        for (key, setting) in &mut self.0 {
            let alias = ALIASES.iter().find(|(of, _)| of == key).map(|(_, alias)| (*alias).to_owned());
            let long = format!("SEALPOST_{}", key.replace('.', "_").to_uppercase());
            let set = |name: String| variables.get(name.as_str()).map(|value| (name, *value));
            let Some((name, value)) = alias.and_then(set).or_else(|| set(long)) else { continue };
            let origin = Origin::Variable(name);
            let Some(text) = value.to_str() else {
                let (key, right) = (key.clone(), "UTF-8".to_owned());
                return Err(ConfigError::Value { origin, key, value: None, right });
            };
            *setting = Setting { raw: Raw::Text(text.to_owned()), origin };
        }
        Ok(())
    }

    fn unknown(&self, key: String, origin: &Origin) -> ConfigError {
        let section = key.split_once('.').map_or("", |(section, _)| section);
        let of_section = |known: &&String| known.split_once('.').is_some_and(|(of, _)| of == section);
        let mut known: Vec<String> = self.0.keys().filter(of_section).cloned().collect();
        if known.is_empty() {
            known = self.0.keys().cloned().collect();
        }
        ConfigError::UnknownKey { origin: origin.clone(), key, known }
    }

    /// Keys that nobody has read yet.
    #[cfg(test)]
    pub(super) fn unread(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }
}

/// Readers, one for each shape of value. `right` says what the value must be.
impl Layers {
    pub(super) fn one<T>(
        &mut self,
        key: &'static str,
        right: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, ConfigError> {
        let setting = self.take(key)?;
        let value = match &setting.raw {
            Raw::Text(text) => Some(text),
            Raw::List(items) if items.len() == 1 => items.first(),
            Raw::List(_) => None,
        };
        value.and_then(|text| parse(text)).ok_or_else(|| setting.wrong(key, right))
    }

    /// Like [`Self::one`]; an empty text is no value.
    pub(super) fn optional<T>(
        &mut self,
        key: &'static str,
        right: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, ConfigError> {
        let right = format!("{right}, or empty");
        self.one(key, &right, |text| if text.is_empty() { Some(None) } else { parse(text).map(Some) })
    }

    /// Like [`Self::optional`]; an error does not show the value.
    pub(super) fn secret(
        &mut self,
        key: &'static str,
        right: &str,
        parse: impl FnOnce(&str) -> Option<Secret>,
    ) -> Result<Option<Secret>, ConfigError> {
        self.optional(key, right, parse).map_err(|error| match error {
            ConfigError::Value { origin, key, right, .. } => {
                ConfigError::Value { origin, key, value: None, right }
            }
            other => other,
        })
    }

    pub(super) fn list<T>(
        &mut self,
        key: &'static str,
        right: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Vec<T>, ConfigError> {
        let setting = self.take(key)?;
        let parsed: Option<Vec<T>> = setting.items().into_iter().map(parse).collect();
        parsed.ok_or_else(|| setting.wrong(key, &format!("a list of {right}")))
    }

    pub(super) fn number<T: FromStr + PartialOrd + Display + Copy>(
        &mut self,
        key: &'static str,
        range: RangeInclusive<T>,
    ) -> Result<T, ConfigError> {
        let right = format!("a whole number from {} to {}", range.start(), range.end());
        self.one(key, &right, |text| text.parse().ok().filter(|number| range.contains(number)))
    }

    pub(super) fn switch(&mut self, key: &'static str) -> Result<bool, ConfigError> {
        self.one(key, "true or false", |text| text.parse().ok())
    }

    pub(super) fn duration(
        &mut self,
        key: &'static str,
        least: &str,
        most: &str,
    ) -> Result<Duration, ConfigError> {
        let right = format!("a duration from {least} to {most}, such as 250ms, 10s, 5m, 1h30m or 30d");
        let bounds = value::duration(least)..=value::duration(most);
        self.one(key, &right, |text| value::duration(text).filter(|span| bounds.contains(&Some(*span))))
    }

    /// A duration for the core's dispatcher.
    pub(super) fn millis(
        &mut self,
        key: &'static str,
        least: &str,
        most: &str,
    ) -> Result<Millis, ConfigError> {
        let millis = self.duration(key, least, most)?.as_millis();
        Ok(Millis::from_millis(u32::try_from(millis).unwrap_or(u32::MAX)))
    }

    pub(super) fn size<T: TryFrom<u64>>(
        &mut self,
        key: &'static str,
        least: &str,
        most: &str,
    ) -> Result<T, ConfigError> {
        let right = format!("a size from {least} to {most}, such as 65536, 256KiB, 10MiB or 1GiB");
        let bounds = value::size(least)..=value::size(most);
        let in_bounds = |text: &str| value::size(text).filter(|bytes| bounds.contains(&Some(*bytes)));
        self.one(key, &right, |text| in_bounds(text)?.try_into().ok())
    }

    pub(super) fn schedule(&mut self, key: &'static str) -> Result<Schedule, ConfigError> {
        let setting = self.take(key)?;
        value::schedule(&setting.items()).ok_or_else(|| setting.wrong(key, value::SCHEDULE))
    }

    fn take(&mut self, key: &'static str) -> Result<Setting, ConfigError> {
        self.0.remove(key).ok_or_else(|| self.unknown(key.to_owned(), &Origin::Default))
    }
}

impl Setting {
    /// The items of a list, written as one or as a text with commas.
    fn items(&self) -> Vec<&str> {
        let texts: Vec<&str> = match &self.raw {
            Raw::Text(text) => vec![text],
            Raw::List(items) => items.iter().map(String::as_str).collect(),
        };
        texts.into_iter().flat_map(|text| text.split(',')).map(str::trim).filter(|i| !i.is_empty()).collect()
    }

    fn wrong(self, key: &str, right: &str) -> ConfigError {
        let value = Some(match self.raw {
            Raw::Text(text) => text,
            Raw::List(items) => items.join(","),
        });
        ConfigError::Value { origin: self.origin, key: key.to_owned(), value, right: right.to_owned() }
    }
}

/// The settings of a TOML text, `section.key` by `section.key`.
fn settings(text: &str, origin: &Origin) -> Result<Vec<(String, Raw)>, ConfigError> {
    let sections: toml::Table = text.parse().map_err(|error| syntax(text, origin, &error))?;
    let mut settings = Vec::new();
    for (section, keys) in sections {
        let toml::Value::Table(keys) = keys else {
            settings.push((section, Raw::List(Vec::new())));
            continue;
        };
        for (key, value) in keys {
            let key = format!("{section}.{key}");
            let raw = raw(&value).ok_or_else(|| ConfigError::Value {
                origin: origin.clone(),
                key: key.clone(),
                value: None,
                right: "a text, a number, true or false, or a list of texts".to_owned(),
            })?;
            settings.push((key, raw));
        }
    }
    Ok(settings)
}

fn syntax(text: &str, origin: &Origin, error: &toml::de::Error) -> ConfigError {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let (line, reason) = (before.matches('\n').count() + 1, error.message().to_owned());
    ConfigError::Syntax { origin: origin.clone(), line, reason }
}

fn raw(value: &toml::Value) -> Option<Raw> {
    match value {
        toml::Value::Array(items) => items.iter().map(scalar).collect::<Option<_>>().map(Raw::List),
        scalar_value => scalar(scalar_value).map(Raw::Text),
    }
}

fn scalar(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Boolean(switch) => Some(switch.to_string()),
        _ => None,
    }
}
