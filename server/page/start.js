"use strict";

begin().then((goesOn) => { if (goesOn) showStatus(); });
