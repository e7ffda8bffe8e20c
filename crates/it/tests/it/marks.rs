//! What a template asks for under `Metadata: Streamfold:`, and what the command line adds: schedules that were missed,
//! functions that are restarted when their files change.

use it::{client::Client, folder::Folder, tools, wait::until};
use serde_json::{Value, json};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);

const MISSED: &str = "
Transform: AWS::Serverless-2016-10-31
Resources:
  Notes:
    Type: AWS::Serverless::Function
    Metadata:
      Streamfold: { Schedules: { MadeUpFor: { Missed: run }, Skipped: { Missed: skip } } }
    Properties:
      FunctionName: notes
      CodeUri: notes/
      Handler: bootstrap
      Runtime: provided.al2023
      Events:
        MadeUpFor:
          Type: ScheduleV2
          Properties: { Name: made-up-for, ScheduleExpression: 'cron(0 12 1 1 ? *)', Input: '{\"for\":\"<aws.scheduler.scheduled-time>\"}' }
        Skipped:
          Type: ScheduleV2
          Properties: { Name: skipped, ScheduleExpression: 'cron(0 12 1 1 ? *)' }
";

/// The schedule of this name as the console shows it.
fn schedule(client: &mut Client, name: &str) -> Value {
    let shown = client.shown("schedules");
    let all = shown["schedules"].as_array().expect("a list").iter();
    let found = all.clone().find(|schedule| schedule["name"].as_str().is_some_and(|full| full.ends_with(name)));
    found.unwrap_or_else(|| panic!("no schedule {name}: {shown}")).clone()
}

/// What the clock says, as a file that is made now has it.
fn now_ms(folder: &Folder) -> i64 {
    let file = folder.write("now", "");
    let changed = std::fs::metadata(file).and_then(|file| file.modified()).expect("a file has a time");
    let since = changed.duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_millis()).expect("before the year 292 million")
}

#[test]
fn runs_that_were_missed_are_made_up_for_by_one_or_skipped() {
    let folder = Folder::new();
    folder.write("template.yaml", MISSED);
    folder.add_bootstrap("notes");
    let program = folder.up("template.yaml");
    let next = schedule(&mut Client::new(program.port), "skipped")["next_ms"].take();
    let next: Vec<i64> = serde_json::from_value(next).expect("it has runs before it");
    assert!(program.stop().status.success(), "a server that is asked to stop ends well");

    // An hour after the fourth of them.
    let ahead_s = (next[3] - now_ms(&folder)) / 1000 + 3600;
    let shim = tools::preload("clock", folder.path());
    let run = folder.run("template.yaml").env("LD_PRELOAD", shim).env("CLOCK_AHEAD_S", ahead_s.to_string());
    let program = run.start();
    let mut client = Client::new(program.port);
    let is_done = |shown: &Value| shown["runs"]["succeeded"] == 1;
    let made_up_for = || Some(schedule(&mut client, "made-up-for")).filter(is_done);
    let made_up_for = until("the run that makes up for those missed", PATIENCE, made_up_for);
    assert_eq!((&made_up_for["last"]["scheduled_ms"], &made_up_for["missed"]), (&json!(next[3]), &json!(3)));
    let skipped = schedule(&mut client, "skipped");
    assert_eq!((&skipped["missed"], &skipped["last"]), (&json!(4), &Value::Null));
    assert_eq!(skipped["next_ms"][0], next[4]);
    let said = program.told(&["logs", "notes"]);
    assert_eq!(said.matches("REPORT RequestId: ").count(), 1, "{said}");
}

#[test]
fn a_function_whose_file_changes_is_restarted_under_watch() {
    const TEMPLATE: &str = "
Transform: AWS::Serverless-2016-10-31
Resources:
  Speaker:
    Type: AWS::Serverless::Function
    Properties: { FunctionName: speaker, CodeUri: speaker/, Handler: app.handler, Runtime: python3.12, Timeout: 30 }
";
    let folder = Folder::with_python();
    folder.write("template.yaml", TEMPLATE);
    folder.write("speaker/app.py", "import word\n\ndef handler(event, context):\n    return word.WORD\n");
    folder.write("speaker/word.py", "WORD = 'first'\n");
    let program = folder.run("template.yaml").args(&["--watch"]).start();
    let mut client = Client::new(program.port);
    let mut said = || client.invoke("speaker", "RequestResponse", &json!({})).1;
    assert_eq!(said(), "first");
    folder.write("speaker/word.py", "WORD = 'second'\n");
    until("the new word", PATIENCE, || (said() == "second").then_some(()));
    // A mistake is told, and put right by the next change.
    folder.write("speaker/word.py", "WORD = \n");
    until("the mistake", PATIENCE, || (said()["errorType"] == "Runtime.UserCodeSyntaxError").then_some(()));
    folder.write("speaker/word.py", "WORD = 'third'\n");
    until("the third word", PATIENCE, || (said() == "third").then_some(()));
}
