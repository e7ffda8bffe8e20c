//! Code that stands in a template: which file it is.

/// The file's name. CloudFormation writes `index.py` or `index.js`; text in the syntax of ES modules, which Lambda's newer
/// runtimes recognise in an `index.js`, is named so that every Node reads it as such.
pub fn file_name(runtime: &str, text: &str) -> &'static str {
    if !runtime.starts_with("nodejs") {
        return "index.py";
    }
    let is_module = |line: &str| {
        let line = line.trim_start();
        line.starts_with("import ") || line.starts_with("import{") || line.starts_with("export ")
    };
    if text.lines().any(is_module) { "index.mjs" } else { "index.js" }
}
