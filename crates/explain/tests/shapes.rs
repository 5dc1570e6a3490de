//! Every field and every word that a report has as JSON stands in docs/explain.md.
//!
//! The names are serde's own: a deserializer that has no data asks each type what it would read.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use explain::{CompareReport, ReachReport, Report, WhoReport};
use serde::Deserialize;
use serde::de::value::{Error, StrDeserializer};
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, MapAccess, SeqAccess, VariantAccess,
    Visitor,
};

/// Where the fields of each object are documented.
const HEADINGS: &[(&str, &str)] = &[
    ("Report", "`explain`"),
    ("PartReport", "Parts"),
    ("OutcomeReport", "Outcomes"),
    ("LegReport", "Legs"),
    ("Hop", "Hops"),
    ("Near", "Hops"),
    ("Evidence", "Hops"),
    ("OtherReport", "What others get"),
    ("FixReport", "Fixes"),
    ("CallReport", "Calls of a page"),
    ("ProbeReport", "Probes"),
    ("ProbedName", "Probes"),
    ("ProbedTarget", "Probes"),
    ("WhoReport", "`who`"),
    ("WhoPart", "`who`"),
    ("ReachReport", "`reach`"),
    ("ReachRow", "`reach`"),
    ("CompareReport", "`compare`"),
    ("CompareSide", "`compare`"),
    ("Parting", "`compare`"),
];
/// More words than any of the enums has.
const TURNS: usize = 20;

#[test]
fn every_field_is_documented() {
    let page = include_str!("../../../docs/explain.md");
    let shapes = shapes();
    assert!(shapes.fields.len() > 15, "{:?}: are types still found?", shapes.fields.keys());
    let mut missing = Vec::new();
    for (object, fields) in &shapes.fields {
        let heading = HEADINGS.iter().find(|(name, _)| name == object).map(|(_, heading)| *heading);
        let heading = heading.unwrap_or_else(|| panic!("`{object}` is documented nowhere"));
        let section = section(page, heading);
        let named = |field: &&&str| !section.contains(&format!("| `{field}` |"));
        missing.extend(fields.iter().filter(named).map(|field| format!("{heading}: `{field}`")));
    }
    for (name, words) in &shapes.words {
        let named = |word: &&&str| !page.contains(&format!("`{word}`"));
        missing.extend(words.iter().filter(named).map(|word| format!("{name}: `{word}`")));
    }
    assert!(missing.is_empty(), "docs/explain.md does not say: {missing:#?}");
}

#[test]
fn pages_of_codes_are_documented() {
    let page = include_str!("../../../docs/explain.md");
    let value = serde_json::to_value(explain::pages::page("admit/no-rule").unwrap()).unwrap();
    let section = section(page, "`explain CODE`");
    for field in value.as_object().unwrap().keys() {
        assert!(section.contains(&format!("| `{field}` |")), "{field}");
    }
}

fn section<'p>(page: &'p str, heading: &str) -> &'p str {
    let begin = format!("\n### {heading}\n");
    let at = page.find(&begin).unwrap_or_else(|| panic!("there is no heading `{heading}`"));
    let rest = &page[at + begin.len()..];
    rest.find("\n#").map_or(rest, |end| &rest[..end])
}

// === what types would read ===

#[derive(Debug, Default)]
struct Shapes {
    fields: BTreeMap<&'static str, BTreeSet<&'static str>>,
    words: BTreeMap<&'static str, BTreeSet<&'static str>>,
}

fn shapes() -> Shapes {
    let shapes = RefCell::default();
    for turn in 0..TURNS {
        let asked = Asked { shapes: &shapes, turn };
        Report::deserialize(asked).unwrap();
        WhoReport::deserialize(asked).unwrap();
        ReachReport::deserialize(asked).unwrap();
        CompareReport::deserialize(asked).unwrap();
    }
    shapes.into_inner()
}

/// Gives every type something to read: of an enum another variant each turn.
#[derive(Clone, Copy)]
struct Asked<'s> {
    shapes: &'s RefCell<Shapes>,
    turn: usize,
}

impl Asked<'_> {
    fn fields(self, name: &'static str, fields: &'static [&'static str]) {
        self.shapes.borrow_mut().fields.entry(name).or_default().extend(fields);
    }
}

macro_rules! plain {
    ($($method:ident $visit:ident $value:expr;)+) => { $(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            visitor.$visit($value)
        }
    )+ };
}

impl<'de> Deserializer<'de> for Asked<'_> {
    type Error = Error;

    plain! {
        deserialize_bool visit_bool false;
        deserialize_i64 visit_i64 0;
        deserialize_u16 visit_u16 0;
        deserialize_u8 visit_u8 0;
        deserialize_u32 visit_u32 0;
        deserialize_u64 visit_u64 0;
        deserialize_str visit_str "";
        deserialize_string visit_str "";
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("a type that says nothing of itself"))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(Once(self, 1))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.fields(name, fields);
        visitor.visit_map(Each(self, fields))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.shapes.borrow_mut().words.entry(name).or_default().extend(variants);
        let variant = variants[self.turn % variants.len()];
        visitor.visit_enum(One { asked: self, name, variant })
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i32 i128 u128 f32 f64 char bytes byte_buf unit unit_struct newtype_struct tuple
        tuple_struct map identifier ignored_any
    }
}

struct Once<'s>(Asked<'s>, usize);

impl<'de> SeqAccess<'de> for Once<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        if self.1 == 0 {
            return Ok(None);
        }
        self.1 -= 1;
        seed.deserialize(self.0).map(Some)
    }
}

struct Each<'s>(Asked<'s>, &'static [&'static str]);

impl<'de> MapAccess<'de> for Each<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        let Some((first, rest)) = self.1.split_first() else { return Ok(None) };
        self.1 = rest;
        seed.deserialize(StrDeserializer::new(first)).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(self.0)
    }
}

struct One<'s> {
    asked: Asked<'s>,
    name: &'static str,
    variant: &'static str,
}

impl<'de> EnumAccess<'de> for One<'_> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Self), Error> {
        Ok((seed.deserialize(StrDeserializer::new(self.variant))?, self))
    }
}

impl<'de> VariantAccess<'de> for One<'_> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(self.asked)
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(Once(self.asked, length))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.asked.fields(self.name, fields);
        visitor.visit_map(Each(self.asked, fields))
    }
}
