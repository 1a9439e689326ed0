LIMIT = {}["alert"]
