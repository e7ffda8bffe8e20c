//! What a trigger is: a function, a source, where in it to start, and the settings. Kept as a resource's body.

use crate::{Settings, Source, fields};
use item::{Item, Seq, Value};
use wire::Place;

/// The kind of a trigger's resource; its name is the mapping's uuid.
pub const KIND: &str = "trigger";

/// An event source mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    pub uuid: String,
    /// The function's name.
    pub function: String,
    pub source: Source,
    pub starting: StartingPosition,
    /// The first position to be read, found when the mapping was created: what is written between then and the first
    /// read is not missed.
    pub from: Seq,
    pub settings: Settings,
    pub enabled: bool,
}

/// A mapping to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMapping {
    pub function: String,
    pub source: Source,
    pub starting: StartingPosition,
    pub settings: Settings,
    pub enabled: bool,
}

/// Where in its source a trigger starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartingPosition {
    TrimHorizon,
    Latest,
    /// Milliseconds since the epoch. AWS has it for Kinesis only.
    AtTimestamp(u64),
}

impl StartingPosition {
    /// AWS's word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            StartingPosition::TrimHorizon => "TRIM_HORIZON",
            StartingPosition::Latest => "LATEST",
            StartingPosition::AtTimestamp(_) => "AT_TIMESTAMP",
        }
    }

    fn put(self, item: &mut Item) {
        item.insert("starting", fields::text(self.name()));
        if let StartingPosition::AtTimestamp(ms) = self {
            item.insert("starting_ms", fields::number(ms));
        }
    }

    fn get(item: &Item) -> Option<StartingPosition> {
        match fields::get_text(item, "starting")?.as_str() {
            "TRIM_HORIZON" => Some(StartingPosition::TrimHorizon),
            "LATEST" => Some(StartingPosition::Latest),
            "AT_TIMESTAMP" => fields::get_number(item, "starting_ms").map(StartingPosition::AtTimestamp),
            _ => None,
        }
    }
}

impl Mapping {
    /// The mapping's own ARN.
    #[must_use]
    pub fn arn(&self, place: &Place) -> String {
        place.arn("lambda", &format!("event-source-mapping:{}", self.uuid))
    }

    /// The ARN of its function.
    #[must_use]
    pub fn function_arn(&self, place: &Place) -> String {
        place.arn("lambda", &format!("function:{}", self.function))
    }

    /// The body of its resource.
    #[must_use]
    pub fn to_item(&self) -> Item {
        let mut item = Item::from_iter([
            ("uuid", fields::text(&self.uuid)),
            ("function", fields::text(&self.function)),
            ("source", Value::M(self.source.to_item())),
            ("from", fields::number(self.from.0)),
            ("settings", Value::M(self.settings.to_item())),
            ("enabled", Value::Bool(self.enabled)),
        ]);
        self.starting.put(&mut item);
        item
    }

    /// Reads [`Mapping::to_item`]; `None`: it is the body of something else.
    #[must_use]
    pub fn from_item(item: &Item) -> Option<Mapping> {
        Some(Mapping {
            uuid: fields::get_text(item, "uuid")?,
            function: fields::get_text(item, "function")?,
            source: Source::from_item(fields::get_map(item, "source")?)?,
            starting: StartingPosition::get(item)?,
            from: Seq(fields::get_number(item, "from")?),
            settings: Settings::from_item(fields::get_map(item, "settings")?),
            enabled: fields::get_bool(item, "enabled")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Quarantine;

    fn mapping() -> Mapping {
        Mapping {
            uuid: "4b4f0f4c-6a5e-4e4a-9d3c-0a1b2c3d4e5f".to_owned(),
            function: "count".to_owned(),
            source: Source::Table { name: "votes".to_owned(), created_ms: 1_686_425_176_525 },
            starting: StartingPosition::Latest,
            from: Seq(u64::MAX),
            settings: Settings::default(),
            enabled: true,
        }
    }

    #[test]
    fn a_mapping_comes_back_from_its_item_with_every_setting() {
        let full = Settings {
            batch_size: 7,
            batching_window_s: 5,
            parallelization: 10,
            retry_attempts: Some(0),
            record_age_s: Some(60),
            bisect: true,
            report_item_failures: true,
            tumbling_window_s: 900,
            filters: vec![r#"{"eventName":["INSERT"]}"#.to_owned(), "{}".to_owned()],
            on_failure: Some("arn:aws:sqs:us-east-1:000000000000:letters".to_owned()),
            quarantine: Some(Quarantine { records: 3, bytes: 1 << 20 }),
        };
        let at = StartingPosition::AtTimestamp(1_686_425_176_525);
        let cases = [
            mapping(),
            Mapping { settings: full, starting: at, enabled: false, ..mapping() },
            Mapping { starting: StartingPosition::TrimHorizon, ..mapping() },
        ];
        for case in cases {
            assert_eq!(Mapping::from_item(&case.to_item()), Some(case));
        }
    }

    #[test]
    fn an_item_of_an_older_version_has_the_defaults_of_what_it_lacks() {
        let mut item = mapping().to_item();
        item.insert("settings", Value::M(Item::new()));
        assert_eq!(Mapping::from_item(&item), Some(mapping()));
        item.remove("function");
        assert_eq!(Mapping::from_item(&item), None);
    }

    #[test]
    fn arns_are_those_of_aws() {
        let place = Place { region: "us-east-1".to_owned(), account: "000000000000".to_owned() };
        let mapping = mapping();
        assert_eq!(mapping.function_arn(&place), "arn:aws:lambda:us-east-1:000000000000:function:count");
        let own = "arn:aws:lambda:us-east-1:000000000000:event-source-mapping:4b4f0f4c-6a5e-4e4a-9d3c-0a1b2c3d4e5f";
        assert_eq!(mapping.arn(&place), own);
    }
}
