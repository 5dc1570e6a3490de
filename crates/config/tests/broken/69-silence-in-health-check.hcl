# expect: line=7 names="silence" fix="target_group"

target_group "app" {
  targets = ["10.0.1.5:3000"]

  health_check {
    silence "lint/health-check-redirects" {
      reason = "it needs a login"
    }
  }
}
