//! What the program says in the course of a story: its verbs, run as a person would run them.

use std::process::Command;

use model::Url;

use super::{COLUMNS, FILE, Place, Theatre, unexpected};
use crate::Failed;

impl Theatre {
    /// Runs a verb of the program, shows what it says, and gives it back.
    pub fn run(&self, arguments: &[&str]) -> Result<String, Failed> {
        self.tell(&format!("$ pointsman {}", arguments.join(" ")));
        let translated: Vec<String> =
            arguments.iter().map(|argument| self.translated(argument)).collect();
        let borrowed: Vec<&str> = translated.iter().map(String::as_str).collect();
        let output = self.program(&borrowed, &self.state())?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        for line in text.lines() {
            self.tell(line);
        }
        Ok(text)
    }

    /// As [`Theatre::run`], for verbs that read the file.
    pub fn check(&self) -> Result<String, Failed> {
        self.tell(&format!("$ pointsman check {FILE}"));
        let file = match &self.place {
            Place::Lab => FILE.to_owned(),
            Place::Loopback(loopback) => loopback.file(&self.folder).display().to_string(),
        };
        let output = Command::new(&self.setting.program)
            .args(["check", &file])
            .env("COLUMNS", COLUMNS)
            .envs(self.colors())
            .current_dir(&self.folder)
            .output()
            .map_err(|e| Failed::Io("run the program", e))?;
        let text = String::from_utf8_lossy(&output.stderr).into_owned()
            + &String::from_utf8_lossy(&output.stdout);
        text.lines().for_each(|line| self.tell(line));
        Ok(text)
    }

    /// Who was turned away, by the name of the network, as `status` shows it.
    pub fn refused(&self, networks: &[&str]) -> Result<(), Failed> {
        self.until("the refused to be counted", |theatre| {
            let status = theatre.status()?;
            let counted = status["refused"]["networks"].as_array()?;
            let is_counted = |name: &&str| counted.iter().any(|row| row["network"] == **name);
            let hidden = !status["refused"]["unavailable"].is_null();
            (hidden || networks.iter().all(is_counted)).then_some(())
        })?;
        self.tell("$ pointsman status");
        let output = self.program(&["status"], &self.state())?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let lines = text.lines().skip_while(|line| *line != "refused by network");
        lines.take_while(|line| !line.is_empty()).for_each(|line| self.tell(line));
        Ok(())
    }

    fn translated(&self, text: &str) -> String {
        match &self.place {
            Place::Lab => text.to_owned(),
            Place::Loopback(loopback) => match Url::parse(text) {
                Ok(url) => loopback.url(&url).to_string(),
                Err(_) if text == "internet" => "visitors".to_owned(),
                Err(_) => text.to_owned(),
            },
        }
    }

    /// Explains, and has the explanation name a cause.
    pub fn explain(&self, url: &str, from: &str, cause: &str) -> Result<(), Failed> {
        let said = self.run(&["explain", url, "--from", from])?;
        match said.contains(cause) {
            true => Ok(()),
            false => Err(unexpected(url, cause, &said)),
        }
    }
}
