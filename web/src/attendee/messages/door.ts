const zh = {
  known: {
    staffTitle: '确认您的身份',
    staffLead: '请输入名单里的工号和姓名，不需要短信。',
    staffNo: '工号',
    name: '姓名',
    badgeTitle: '输入胸牌码',
    badgeLead: '胸牌上有 12 位字母和数字；扫胸牌上的二维码会自动填好。',
    badge: '胸牌码',
    go: '确认签到',
    again: '{s} 秒后可再试',
    fill: '请把内容填写完整。',
    badgeWrong: '胸牌码是 12 位字母和数字，没有 0、O、1 和 I，请对照胸牌重新输入。',
    errors: {
      not_matched: '与名单对不上，请核对后再试，或联系工作人员。',
      identify_tries: '试错太多次，请稍后再试，或请工作人员帮忙。',
      bind_by: '签到方式刚刚更改，请重新填写。',
      already_bound: '已经绑定过：这个微信或这个人已有绑定。如不是您本人，请联系工作人员解除。',
      not_invited: '您不在本次活动的名单里，请联系工作人员核对。',
      not_following: '请先关注公众号，再回到本页。',
      meeting_closed: '活动已结束。',
      network: '网络不通，请稍后再试。',
    },
  },
  checkin: {
    title: '现场签到',
    going: '正在签到…',
    done: '已现场签到',
    missing: '还没有现场签到：请用微信扫大屏上的签到码，否则不参加抽奖。',
    bindFirst: '请先完成下面的身份确认，再扫一次大屏上的签到码。',
    errors: {
      checkin_code: '签到码已变化，请再扫一次大屏上的二维码。',
      checkin_tries: '签到试得太频繁，请稍后再扫，或请工作人员帮忙。',
      checkin_off: '本场活动不需要现场签到。',
      not_bound: '请先完成身份确认，再扫一次大屏上的签到码。',
      meeting_closed: '活动已结束。',
      network: '网络不通，请再扫一次。',
    },
  },
};

const en: typeof zh = {
  known: {
    staffTitle: 'Say who you are',
    staffLead: 'Your staff number and name as on the list; no SMS is needed.',
    staffNo: 'Staff number',
    name: 'Name',
    badgeTitle: 'Code of your badge',
    badgeLead: 'Your badge has 12 letters and digits; its QR code fills them in by itself.',
    badge: 'Badge code',
    go: 'Sign in',
    again: 'Try again in {s} s',
    fill: 'Please fill in everything.',
    badgeWrong:
      'A badge code has 12 letters and digits, without 0, O, 1 and I. Please compare it with your badge.',
    errors: {
      not_matched: 'That does not match the list. Please check it, or ask the staff.',
      identify_tries: 'Too many tries. Please wait a while, or ask the staff.',
      bind_by: 'The way to sign in has just changed. Please fill in the form again.',
      already_bound:
        'There is a binding already, of this WeChat account or of this person. If it is not yours, ask the staff to undo it.',
      not_invited: 'You are not on the list of this meeting. Please ask the staff.',
      not_following: 'Please follow the account first, then come back to this page.',
      meeting_closed: 'The meeting is over.',
      network: 'No connection. Please try again.',
    },
  },
  checkin: {
    title: 'Check-in',
    going: 'Checking in…',
    done: 'Checked in at the venue',
    missing: 'Not checked in yet: scan the code on the big screen with WeChat, or you are not in the draws.',
    bindFirst: 'Please say who you are below first, then scan the code on the big screen again.',
    errors: {
      checkin_code: 'The code has changed. Please scan the one on the big screen again.',
      checkin_tries: 'Too many tries. Please wait a while, or ask the staff.',
      checkin_off: 'This meeting asks for no check-in.',
      not_bound: 'Please say who you are first, then scan the code on the big screen again.',
      meeting_closed: 'The meeting is over.',
      network: 'No connection. Please scan the code again.',
    },
  },
};

export const door = { zh, en };
