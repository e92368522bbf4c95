//! What must not compile: statements without a scope, and ways around it.

#[test]
fn statements_without_scope_do_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
