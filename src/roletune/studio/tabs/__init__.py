"""One file a tab. Each has `layout(troupe, who)`, which gives what fills it anew for another character."""
