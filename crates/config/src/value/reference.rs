//! References: `security_group.web`, resolved against what is declared.

use hcl_edit::expr::{Expression, TraversalOperator};
use model::Finding;

use super::kind_of;
use crate::names::Kind;
use crate::section::Section;
use crate::suggest::{list, nearest};

impl<'s> Section<'s> {
    /// `kind.name`; `None` without a finding if it is not written as a reference.
    pub fn written_reference(value: &'s Expression) -> Option<(&'s str, &'s str)> {
        let Expression::Traversal(traversal) = value else { return None };
        let Expression::Variable(kind) = &traversal.expr else { return None };
        match &traversal.operators[..] {
            [operator] => match operator.value() {
                TraversalOperator::GetAttr(name) => Some((kind.as_str(), name.as_str())),
                TraversalOperator::AttrSplat(_)
                | TraversalOperator::FullSplat(_)
                | TraversalOperator::Index(_)
                | TraversalOperator::LegacyIndex(_) => None,
            },
            _ => None,
        }
    }

    /// The position of what `kind.name` refers to.
    pub fn reference(&self, attribute: &str, value: &'s Expression, kind: Kind) -> Option<u32> {
        let keyword = kind.keyword();
        let Some((written, name)) = Section::written_reference(value) else {
            let text = format!(
                "`{attribute}` is a reference to a {}, not {}",
                kind.words(),
                kind_of(value)
            );
            let example = match value {
                Expression::String(name) => format!("{keyword}.{}", name.value()),
                Expression::Variable(name) => format!("{keyword}.{}", name.as_str()),
                _ => format!("{keyword}.name"),
            };
            self.push(
                self.error_at(value, "config/wrong-type", text).hint(format!("write `{example}`")),
            );
            return None;
        };
        self.resolve(attribute, value, written, name, &[kind]).map(|(_, id)| id)
    }

    /// Resolves `written.name`, which has to be of one of `kinds`.
    pub fn resolve(
        &self,
        attribute: &str,
        value: &Expression,
        written: &str,
        name: &str,
        kinds: &[Kind],
    ) -> Option<(Kind, u32)> {
        let names = self.context.names;
        let Some(kind) = Kind::of_keyword(written) else {
            let text = format!("there is nothing called `{written}` to refer to");
            let finding = self.error_at(value, "config/unknown-reference", text);
            self.push(match nearest(written, kinds.iter().map(|kind| kind.keyword())) {
                Some(near) => finding.hint(format!("did you mean `{near}.{name}`?")),
                None => finding.hint(format!(
                    "`{attribute}` takes {}",
                    list(kinds.iter().map(|kind| kind.keyword()))
                )),
            });
            return None;
        };
        if !kinds.contains(&kind) {
            let wanted = kinds.iter().map(|kind| kind.words()).collect::<Vec<_>>().join(" or a ");
            let text = format!(
                "`{attribute}` takes a {wanted}, and `{written}.{name}` is a {}",
                kind.words()
            );
            let same = kinds.iter().find(|kind| names.find(**kind, name).is_some());
            let hint = match same {
                Some(same) => format!("did you mean `{}.{name}`?", same.keyword()),
                None => format!("write `{}.name`", kinds[0].keyword()),
            };
            self.push(self.error_at(value, "config/wrong-reference", text).hint(hint));
            return None;
        }
        if let Some(id) = names.find(kind, name) {
            return Some((kind, id));
        }
        if !names.is_broken(kind, name) {
            self.push(self.dangling(value, kind, name));
        }
        None
    }

    fn dangling(&self, value: &Expression, kind: Kind, name: &str) -> Finding {
        let names = self.context.names;
        let text = format!("there is no {} called `{name}`", kind.words());
        let finding = self.error_at(value, "config/unknown-reference", text);
        if let Some(near) = nearest(name, names.of_kind(kind)) {
            let finding = finding.hint(format!("did you mean `{}.{near}`?", kind.keyword()));
            return match names.place(kind, near) {
                Some(place) => finding.related(place, format!("`{near}` is defined here")),
                None => finding,
            };
        }
        if let Some(other) = Kind::ALL.into_iter().find(|other| names.find(*other, name).is_some())
        {
            return finding.hint(format!(
                "there is a {} of that name: `{}.{name}`",
                other.words(),
                other.keyword()
            ));
        }
        finding.hint(format!("declare it: `{} \"{name}\" {{ … }}`", kind.keyword()))
    }
}
