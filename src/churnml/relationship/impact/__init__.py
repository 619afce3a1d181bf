"""What the company's own changes did: to churn, satisfaction, activity, complaints, the mix of purchases and cost."""
