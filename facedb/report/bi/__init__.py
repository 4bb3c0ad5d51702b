"""Ready dashboards over schema bi: a bundle for Apache Superset and provisioning for Grafana, from one list of charts."""
