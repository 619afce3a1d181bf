"""Why a customer is at risk: contributions of features, gathered into causes, put into words."""
