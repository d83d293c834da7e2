# The alerts that Google's own metrics can give without a Prometheus. docs/operations.md
# has a section for each.

locals {
  runbooks = "https://github.com/concha-labs/backend/blob/main/docs/operations.md"
  alerts = {
    dead-letters = {
      name      = "Dead letters"
      filter    = "resource.type = \"pubsub_subscription\" AND metric.type = \"pubsub.googleapis.com/subscription/num_undelivered_messages\" AND resource.labels.subscription_id = ends_with(\"-dead-letter\")"
      aligner   = "ALIGN_MAX"
      threshold = 0
      duration  = "0s"
    }
    events-late = {
      name      = "Events late"
      filter    = "resource.type = \"pubsub_subscription\" AND metric.type = \"pubsub.googleapis.com/subscription/oldest_unacked_message_age\" AND resource.labels.subscription_id = one_of(${join(", ", [for name in keys(local.subscriptions) : "\"${name}\""])})"
      aligner   = "ALIGN_MAX"
      threshold = 60
      duration  = "120s"
    }
    availability = {
      name      = "Requests fail"
      filter    = "resource.type = \"cloud_run_revision\" AND resource.labels.service_name = \"gateway\" AND metric.type = \"run.googleapis.com/request_count\" AND metric.labels.response_code_class = \"5xx\""
      aligner   = "ALIGN_RATE"
      threshold = 0.1
      duration  = "300s"
    }
    latency = {
      name      = "Requests are slow"
      filter    = "resource.type = \"cloud_run_revision\" AND resource.labels.service_name = \"gateway\" AND metric.type = \"run.googleapis.com/request_latencies\""
      aligner   = "ALIGN_PERCENTILE_99"
      threshold = 2000
      duration  = "600s"
    }
  }
}

resource "google_monitoring_notification_channel" "email" {
  count        = var.alert_email == "" ? 0 : 1
  display_name = "Concha"
  type         = "email"
  labels       = { email_address = var.alert_email }
  depends_on   = [google_project_service.api]
}

resource "google_monitoring_alert_policy" "alert" {
  for_each              = local.alerts
  display_name          = each.value.name
  combiner              = "OR"
  notification_channels = google_monitoring_notification_channel.email[*].id
  depends_on            = [google_project_service.api]

  conditions {
    display_name = each.value.name
    condition_threshold {
      filter          = each.value.filter
      comparison      = "COMPARISON_GT"
      threshold_value = each.value.threshold
      duration        = each.value.duration
      aggregations {
        alignment_period   = "60s"
        per_series_aligner = each.value.aligner
      }
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = "${local.runbooks}#${each.key}"
  }
}
