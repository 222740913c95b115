#!/usr/bin/env node
// Here before anything is built, so that npm can link it in a fresh checkout.

import '../dist/main.js'
