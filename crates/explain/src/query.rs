//! Questions as a command line or a socket carries them: text in, a report out.

use model::{Asker, LoadBalancerId, Model, Page, PageCall, Place, RecordType, Url};
use serde::{Deserialize, Serialize};
use world::World;

use crate::atlas::Atlas;
use crate::compare::{CompareReport, compare};
use crate::facts::Facts;
use crate::names::{self, NameReport};
use crate::probe::{self, Plan, Probed};
use crate::question::{Request, parse_asker};
use crate::reach::{ReachReport, reach};
use crate::report::{Report, explain};
use crate::tables::{WhoReport, who};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    Explain,
    Who,
    Reach,
    Compare,
    /// What the name server answers.
    Name,
}

/// A question with its words unread.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Query {
    pub verb: Verb,
    /// Of every verb but `reach`; of `name` a name.
    pub url: Option<String>,
    /// Of `name`: the type that is asked for, an address if none is named.
    #[serde(default)]
    pub record_type: Option<String>,
    pub method: String,
    pub headers: Vec<(String, String)>,
    /// One for `explain`, two for `compare`.
    pub from: Vec<String>,
    /// A load balancer, where no record says it.
    pub to: Option<String>,
    /// Addresses that the page at `url` calls from the browser.
    pub calls: Vec<String>,
    /// What was seen just now, for `explain`.
    #[serde(default)]
    pub probed: Option<Probed>,
}

/// What is wrong with a question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BadQuestion {
    pub message: String,
    pub hint: String,
}

/// The value that `--json` prints; `kind` tells which it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Answer {
    Explain(Box<Report>),
    Who(WhoReport),
    Reach(ReachReport),
    Compare(CompareReport),
    Name(NameReport),
}

impl Query {
    pub fn new(verb: Verb, url: Option<&str>) -> Query {
        Query {
            verb,
            url: url.map(str::to_owned),
            record_type: None,
            method: "GET".to_owned(),
            headers: Vec::new(),
            from: Vec::new(),
            to: None,
            calls: Vec::new(),
            probed: None,
        }
    }

    /// The answer from one World.
    ///
    /// # Errors
    /// If an address, a network or a load balancer cannot be made out.
    pub fn answer(&self, atlas: &Atlas<'_>, facts: &Facts<'_>) -> Result<Answer, BadQuestion> {
        let Some(probed) = &self.probed else { return self.answer_from(atlas, facts) };
        let model = &atlas.world.model;
        let targets = |group, at| probed.view(model, group, at, (facts.targets)(group, at));
        let now = Facts { targets: &targets, ..*facts };
        let mut answer = self.answer_from(atlas, &now)?;
        if let Answer::Explain(report) = &mut answer {
            let request = self.request(model)?;
            report.beside(probe::report(atlas, facts, &now, &request, probed));
        }
        Ok(answer)
    }

    /// What a probe is to ask before it is answered.
    ///
    /// # Errors
    /// As of [`Query::answer`].
    pub fn plan(&self, atlas: &Atlas<'_>, facts: &Facts<'_>) -> Result<Plan, BadQuestion> {
        let request = self.request(&atlas.world.model)?;
        let asker = self.asker(&atlas.world.model)?;
        Ok(probe::plan(atlas, facts, &request, asker))
    }

    fn answer_from(&self, atlas: &Atlas<'_>, facts: &Facts<'_>) -> Result<Answer, BadQuestion> {
        if self.verb == Verb::Reach {
            return Ok(Answer::Reach(reach(atlas, facts)));
        }
        if self.verb == Verb::Name {
            return self.answer_name(atlas.world, facts).map(Answer::Name);
        }
        let request = self.request(&atlas.world.model)?;
        if !self.calls.is_empty() {
            let world = self.with_page(atlas.world, &request)?;
            return self.answer_request(&Atlas::of(&world), facts, &request);
        }
        self.answer_request(atlas, facts, &request)
    }

    fn answer_request(
        &self,
        atlas: &Atlas<'_>,
        facts: &Facts<'_>,
        request: &Request,
    ) -> Result<Answer, BadQuestion> {
        let model = &atlas.world.model;
        Ok(match self.verb {
            Verb::Explain => {
                let asker = self.asker(model)?;
                Answer::Explain(Box::new(explain(atlas, facts, request, asker)))
            }
            Verb::Compare => match &self.from[..] {
                [a, b] => {
                    let pair = [asker(model, a)?, asker(model, b)?];
                    Answer::Compare(compare(atlas, facts, request, pair))
                }
                _ => return Err(bad("two networks are compared", "write `--from A --from B`")),
            },
            Verb::Who | Verb::Reach | Verb::Name => Answer::Who(who(atlas, facts, request)),
        })
    }

    fn answer_name(&self, world: &World, facts: &Facts<'_>) -> Result<NameReport, BadQuestion> {
        let written = self.url.as_deref().unwrap_or_default();
        let name = written.strip_suffix('.').unwrap_or(written).to_ascii_lowercase();
        if name.is_empty() || name.contains("://") || name.contains(char::is_whitespace) {
            let message = format!("`{written}` is no name");
            return Err(bad(&message, "such as `www.example.com`"));
        }
        let kind = self.record_type.as_deref().unwrap_or("A");
        let kind = RecordType::named(kind).ok_or_else(|| {
            bad(&format!("there is no type `{kind}`"), "such as `A`, `AAAA`, `MX`, `TXT` or `ANY`")
        })?;
        // Nobody in particular is in no declared network.
        let asker = match self.from.is_empty() {
            true => Asker::Internet,
            false => self.asker(&world.model)?,
        };
        Ok(names::asked(world, facts, &name, kind, asker))
    }

    fn asker(&self, model: &Model) -> Result<Asker, BadQuestion> {
        match &self.from[..] {
            [] => Ok(Asker::Anywhere),
            [one] => asker(model, one),
            _ => Err(bad("one `--from` at a time", "`compare` takes two")),
        }
    }

    fn request(&self, model: &Model) -> Result<Request, BadQuestion> {
        let text = self.url.as_deref().unwrap_or_default();
        let url = url(text)?;
        if !is_token(&self.method) {
            let message = format!("`{}` is not a method", self.method);
            return Err(bad(&message, "such as `GET` or `POST`"));
        }
        for (name, value) in &self.headers {
            if !is_token(name) || value.contains(['\r', '\n', '\0']) {
                let message = format!("`{name}: {value}` is not a header");
                return Err(bad(&message, "write `-H 'Name: value'`"));
            }
        }
        let to = self.to.as_deref().map(|name| load_balancer(model, name)).transpose()?;
        Ok(Request { url, method: self.method.clone(), headers: self.headers.clone(), to })
    }

    /// A World in which the calls are declared.
    fn with_page(&self, world: &World, request: &Request) -> Result<World, BadQuestion> {
        let place = Place::described("--page");
        let calls: Result<Vec<PageCall>, BadQuestion> = self
            .calls
            .iter()
            .map(|text| Ok(PageCall { url: url(text)?, place: place.clone() }))
            .collect();
        let mut model = Model::clone(&world.model);
        model.pages.push(Page {
            name: "--page".to_owned(),
            url: request.url.clone(),
            calls: calls?,
            server_calls: Vec::new(),
            rendered_by: None,
            place,
        });
        Ok(world::compile(model, world.generation))
    }
}

impl Answer {
    /// 0 reaches, 3 blocked, 4 reaches and fails.
    pub fn exit_code(&self) -> u8 {
        match self {
            Answer::Explain(report) => report.exit_code,
            Answer::Compare(report) => report.exit_code,
            Answer::Name(report) => report.exit_code(),
            Answer::Who(_) | Answer::Reach(_) => 0,
        }
    }
}

fn bad(message: &str, hint: &str) -> BadQuestion {
    BadQuestion { message: message.to_owned(), hint: hint.to_owned() }
}

fn url(text: &str) -> Result<Url, BadQuestion> {
    Url::parse(text).map_err(|error| {
        let hint = match text.contains("://") || text.is_empty() {
            true => error.hint,
            false => format!("did you mean `https://{text}`?"),
        };
        BadQuestion { message: error.message, hint }
    })
}

fn asker(model: &Model, text: &str) -> Result<Asker, BadQuestion> {
    parse_asker(model, text)
        .map_err(|unknown| BadQuestion { message: unknown.message, hint: unknown.hint })
}

fn load_balancer(model: &Model, text: &str) -> Result<LoadBalancerId, BadQuestion> {
    let name = text.strip_prefix("load_balancer.").unwrap_or(text);
    let at = model.load_balancers.iter().position(|lb| lb.name == name);
    at.map(|at| LoadBalancerId(at as u32)).ok_or_else(|| {
        let known: Vec<String> =
            model.load_balancers.iter().map(|lb| format!("`{}`", lb.name)).collect();
        let hint = format!("there are {}", known.join(", "));
        BadQuestion { message: format!("there is no load balancer called `{name}`"), hint }
    })
}

/// RFC 9110 §5.6.2.
fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}
