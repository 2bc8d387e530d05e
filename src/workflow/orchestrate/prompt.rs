//! What agents are told: pure.

/// What an agent that builds is told: the work package, and what went wrong before.
pub(super) fn implementation(text: &str, feedback: Option<&str>, error: Option<&str>) -> String {
    let mut prompt = String::new();
    if let Some(feedback) = feedback {
        prompt.push_str("# RE-IMPLEMENTATION REQUIRED\n\nA reviewer sent this back:\n\n");
        prompt.push_str(feedback);
        prompt.push_str("\n\n---\n\n");
    }
    if let Some(error) = error {
        prompt.push_str(&format!("The last attempt failed: {error}\n\n---\n\n"));
    }
    prompt.push_str(text);
    prompt.push_str(
        "\n\n---\n\nWork in the current directory only. Commit everything when it is done.\n",
    );
    prompt
}

/// What an agent that reviews is told.
pub(super) fn review(wp: &str, base: &str, text: &str) -> String {
    format!(
        "# Review of {wp}\n\nReview the work in the current directory (git diff {base}...HEAD) against the work \
         package below. Change nothing. End with one line: `APPROVED - review complete`, or \
         `REJECTED - <reason>`.\n\n---\n\n{text}\n"
    )
}
