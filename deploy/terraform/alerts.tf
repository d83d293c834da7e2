# The alerts and the dashboard that Google's own metrics and logs can give without
# a Prometheus. docs/operations.md has a section for each alert.

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
    refused-credentials = {
      name      = "Credentials are refused"
      filter    = "resource.type = \"cloud_run_revision\" AND resource.labels.service_name = \"gateway\" AND metric.type = \"run.googleapis.com/request_count\" AND metric.labels.response_code = \"401\""
      aligner   = "ALIGN_RATE"
      threshold = 1
      duration  = "900s"
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

# The warnings of the relays, of which docs/operations.md has the causes.
resource "google_monitoring_alert_policy" "relay" {
  display_name          = "Events are not published"
  combiner              = "OR"
  notification_channels = google_monitoring_notification_channel.email[*].id
  depends_on            = [google_project_service.api]

  conditions {
    display_name = "Warnings of a relay"
    condition_matched_log {
      filter = "resource.type = \"cloud_run_revision\" AND severity >= WARNING AND jsonPayload.log : * AND jsonPayload.message : \"trying again\""
    }
  }

  alert_strategy {
    auto_close = "1800s"
    notification_rate_limit {
      period = "3600s"
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = "${local.runbooks}#events-late"
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

locals {
  run     = "resource.type = \"cloud_run_revision\" AND metric.type = \"run.googleapis.com"
  pubsub  = "resource.type = \"pubsub_subscription\" AND metric.type = \"pubsub.googleapis.com/subscription"
  spanner = "resource.type = \"spanner_instance\" AND metric.type = \"spanner.googleapis.com"
  charts = [
    { title = "Requests by status", filter = "${local.run}/request_count\"", aligner = "ALIGN_RATE", reducer = "REDUCE_SUM", by = ["resource.labels.service_name", "metric.labels.response_code_class"] },
    { title = "Latency, p99 (ms)", filter = "${local.run}/request_latencies\"", aligner = "ALIGN_PERCENTILE_99", reducer = "REDUCE_MAX", by = ["resource.labels.service_name"] },
    { title = "Oldest message that is not handled (s)", filter = "${local.pubsub}/oldest_unacked_message_age\"", aligner = "ALIGN_MAX", reducer = "REDUCE_MAX", by = ["resource.labels.subscription_id"] },
    { title = "Messages that are not handled, dead letters included", filter = "${local.pubsub}/num_undelivered_messages\"", aligner = "ALIGN_MAX", reducer = "REDUCE_MAX", by = ["resource.labels.subscription_id"] },
    { title = "Spanner: processor (65% is the limit)", filter = "${local.spanner}/instance/cpu/utilization\"", aligner = "ALIGN_MAX", reducer = "REDUCE_SUM", by = ["metric.labels.database"] },
    { title = "Spanner: storage (bytes)", filter = "${local.spanner}/instance/storage/used_bytes\"", aligner = "ALIGN_MAX", reducer = "REDUCE_SUM", by = ["metric.labels.database"] },
    { title = "Instances", filter = "${local.run}/container/instance_count\"", aligner = "ALIGN_MAX", reducer = "REDUCE_SUM", by = ["resource.labels.service_name"] },
    { title = "Memory, p99 of the limit", filter = "${local.run}/container/memory/utilizations\"", aligner = "ALIGN_PERCENTILE_99", reducer = "REDUCE_MAX", by = ["resource.labels.service_name"] },
  ]
}

resource "google_monitoring_dashboard" "concha" {
  depends_on = [google_project_service.api]
  dashboard_json = jsonencode({
    displayName = "Concha"
    gridLayout = {
      columns = "2" # int64 in JSON
      widgets = [for chart in local.charts : {
        title = chart.title
        xyChart = {
          dataSets = [{
            plotType = "LINE"
            timeSeriesQuery = {
              timeSeriesFilter = {
                filter = chart.filter
                aggregation = {
                  alignmentPeriod    = "60s"
                  perSeriesAligner   = chart.aligner
                  crossSeriesReducer = chart.reducer
                  groupByFields      = chart.by
                }
              }
            }
          }]
        }
      }]
    }
  })
}
